// One panel: its frame, and the component of its type.
import { useEffect, useState } from 'react';
import { PanelChrome } from '@grafana/ui';
import type { Panel } from './model';
import { dataOf, tell, type Mark, type PanelData, type Told } from './paneldata';
import { Curves } from './panels/curves';
import { Heat } from './panels/heat';
import { Rows } from './panels/rows';
import { Bars, Stat, type Drawn } from './panels/single';
import { Nothing, Words } from './panels/words';
import type { Variables } from './variables';

const DRAWN: Record<string, (drawn: Drawn & { marks: Mark[] }) => React.JSX.Element | null> = {
  stat: Stat,
  bargauge: Bars,
  timeseries: Curves,
  table: Rows,
  heatmap: Heat,
  text: Words,
};
/** They say themselves that there is no data, or need none. */
const SPEAK = new Set(['stat', 'bargauge', 'text']);

interface Props {
  panel: Panel;
  place: number;
  variables: Variables;
  marks: Mark[];
  width: number;
  height: number;
  onDone: (told: Told) => void;
}

export function PanelView({ panel, place, variables, marks, width, height, onDone }: Props) {
  const [data, setData] = useState<PanelData | null>(null);
  const [error, setError] = useState<string>();
  const title = variables.words(panel.title ?? '', panel.scope);
  const description = panel.description;

  useEffect(() => {
    dataOf(panel, width, variables).then(
      (found) => {
        const missing = DRAWN[panel.type] ? undefined : `nothing draws a panel of type ${panel.type}`;
        setData(found);
        setError(missing);
        onDone(tell(panel, place, title, found, missing));
      },
      (reason: Error) => {
        setError(reason.message);
        onDone(tell(panel, place, title, null, reason.message));
      },
    );
  }, []);

  const Component = DRAWN[panel.type];
  const isEmpty = data !== null && !SPEAK.has(panel.type) && !data.frames.some((frame) => frame.length > 0);
  return (
    <PanelChrome
      title={title}
      {...(description ? { description } : {})}
      width={width}
      height={height}
      displayMode={panel.transparent ? 'transparent' : 'default'}
      padding={panel.type === 'table' ? 'none' : 'md'}
    >
      {(innerWidth, innerHeight) => (
        <div style={{ width: innerWidth, height: innerHeight, overflow: 'hidden' }} data-panel={place}>
          {error !== undefined ? (
            <Nothing says={error} height={innerHeight} bad />
          ) : data === null ? null : isEmpty ? (
            <Nothing says={data.fieldConfig.defaults.noValue ?? 'No data'} height={innerHeight} />
          ) : Component ? (
            <Component data={data} options={panel.options ?? {}} width={innerWidth} height={innerHeight} marks={marks} />
          ) : null}
        </div>
      )}
    </PanelChrome>
  );
}
