// Where each panel is drawn: Grafana's grid, with rows and panels repeated for each value of a variable.
import type { Panel, Place } from './model';
import type { Variables } from './variables';

export const COLUMNS = 24;
export const GAP = 8;
const ROW_HEIGHT = 30;

export interface Heading {
  title: string;
  y: number;
  open: boolean;
  panels: number;
}

export interface Layout {
  headings: Heading[];
  panels: Panel[];
  height: number;
}

const bottom = (panels: Panel[]) => Math.max(0, ...panels.map((panel) => panel.gridPos.y + panel.gridPos.h));

/** Panels repeated side by side, as many in a line as there is room or the panel allows. */
function repeatPanels(panels: Panel[], variables: Variables): Panel[] {
  return panels.flatMap((panel) => {
    if (!panel.repeat) {
      return [panel];
    }
    const values = variables.repeated(panel.repeat);
    const perLine = panel.repeatDirection === 'v' ? 1 : Math.min(values.length, panel.maxPerRow ?? 4) || 1;
    const w = panel.repeatDirection === 'v' ? panel.gridPos.w : COLUMNS / perLine;
    return values.map((value, index) => ({
      ...panel,
      scope: { ...panel.scope, [panel.repeat!]: [value] },
      gridPos: { ...panel.gridPos, x: (index % perLine) * w, y: panel.gridPos.y + Math.floor(index / perLine) * panel.gridPos.h, w },
    }));
  });
}

export function layOut(all: Panel[], variables: Variables, expanded: boolean): Layout {
  const headings: Heading[] = [];
  const placed: Panel[] = [];
  let shift = 0;
  const sorted = [...all].sort((one, other) => one.gridPos.y - other.gridPos.y || one.gridPos.x - other.gridPos.x);
  for (const panel of sorted) {
    if (panel.type !== 'row') {
      const moved = { ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y + shift } };
      placed.push(...repeatPanels([moved], variables));
      continue;
    }
    const values = panel.repeat ? variables.repeated(panel.repeat) : [null];
    values.forEach((value, index) => {
      const scope = value === null ? undefined : { [panel.repeat!]: [value] };
      const open = expanded || !panel.collapsed;
      const y = panel.gridPos.y + shift;
      const inside = panel.panels ?? [];
      headings.push({ title: variables.words(panel.title ?? '', scope), y, open, panels: inside.length });
      const from = Math.min(...inside.map((one) => one.gridPos.y));
      let height = 0;
      if (open && inside.length) {
        const own = inside.map((one) => ({
          ...one,
          ...(scope ? { scope } : {}),
          gridPos: { ...one.gridPos, y: one.gridPos.y - from + y + 1 },
        }));
        const repeated = repeatPanels(own, variables);
        placed.push(...repeated);
        height = bottom(repeated) - y - 1;
      }
      shift += height + (index < values.length - 1 ? 1 : 0);
    });
  }
  const end = Math.max(bottom(placed), ...headings.map((heading) => heading.y + 1));
  return { headings, panels: placed, height: end * (ROW_HEIGHT + GAP) };
}

/** Pixels of a place on the page. */
export function pixels({ x, y, w, h }: Place, width: number): { left: number; top: number; width: number; height: number } {
  const column = (width + GAP) / COLUMNS;
  return {
    left: x * column,
    top: y * (ROW_HEIGHT + GAP),
    width: w * column - GAP,
    height: h * (ROW_HEIGHT + GAP) - GAP,
  };
}
