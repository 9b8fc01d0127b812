// The page: a dashboard of Prometheus' and PostgreSQL's data, drawn once. `window.drawn` tells when, and what each panel shows.
import '@fontsource/inter/latin-400.css';
import '@fontsource/inter/latin-500.css';
import '@fontsource/inter/latin-600.css';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { dateTimeFormat, ThemeContext } from '@grafana/data';
import { GlobalStyles, Icon } from '@grafana/ui';
import { register } from './fieldconfig';
import { GAP, layOut, pixels, type Layout } from './layout';
import type { Dashboard } from './model';
import { PanelView } from './panel';
import { marksOf, theme, TIME_ZONE, type Mark, type Told } from './paneldata';
import { request } from './request';
import { Variables } from './variables';

declare global {
  interface Window {
    drawn?: { panels: Told[]; variables: Record<string, string> } | { error: string };
  }
}

const PAUSE_MS = 500;
const SHOWN_WITHIN_MS = 30_000;
const SHOWN = 200; // characters
const MARGIN = 16;

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

const muted = { color: theme.colors.text.secondary };
const box = {
  display: 'inline-flex',
  border: `1px solid ${theme.colors.border.medium}`,
  borderRadius: theme.shape.radius.default,
  background: theme.colors.background.primary,
  overflow: 'hidden',
};

function Head({ dashboard, variables }: { dashboard: Dashboard; variables: Variables }) {
  const time = (moment: { valueOf(): number }) => dateTimeFormat(moment.valueOf(), { format: 'HH:mm:ss', timeZone: TIME_ZONE });
  const cell = { padding: '4px 8px' };
  return (
    <div style={{ display: 'flex', flexWrap: 'wrap', gap: GAP, alignItems: 'center', marginBottom: 2 * GAP }}>
      <div style={{ fontSize: 18, fontWeight: 500, marginRight: 8 }}>{dashboard.title}</div>
      {variables.shown
        .filter(({ variable }) => !variable.hide && variable.type !== 'datasource')
        .map(({ variable, text }) => (
          <div key={variable.name} style={box}>
            <span style={{ ...cell, fontWeight: 500, background: theme.colors.background.secondary }}>
              {variable.label || variable.name}
            </span>
            <span style={cell}>{text || '\u00a0'}</span>
          </div>
        ))}
      <div style={{ ...box, marginLeft: 'auto' }}>
        <span style={cell}>
          <Icon name="clock-nine" size="sm" /> {time(request.range.from)} to {time(request.range.to)} UTC
        </span>
      </div>
    </div>
  );
}

interface PageProps {
  dashboard: Dashboard;
  variables: Variables;
  layout: Layout;
  marks: Mark[];
}

function Page({ dashboard, variables, layout, marks }: PageProps) {
  const width = innerWidth - 2 * MARGIN;
  const [told] = useState<Told[]>([]);
  const onDone = (one: Told) => {
    told.push(one);
    if (told.length === layout.panels.length) {
      void finish(told, variables);
    }
  };
  return (
    <div style={{ padding: MARGIN, background: theme.colors.background.canvas, minHeight: '100vh' }}>
      <Head dashboard={dashboard} variables={variables} />
      <div style={{ position: 'relative', height: layout.height }}>
        {layout.headings.map((heading) => (
          <div
            key={`${heading.title} ${heading.y}`}
            style={{ position: 'absolute', ...pixels({ x: 0, y: heading.y, w: 24, h: 1 }, width), lineHeight: '30px' }}
          >
            <Icon name={heading.open ? 'angle-down' : 'angle-right'} />{' '}
            <span style={{ fontSize: 16, fontWeight: 500 }}>{heading.title}</span>
            {heading.open ? null : <span style={muted}> ({heading.panels} panels)</span>}
          </div>
        ))}
        {layout.panels.map((panel, index) => {
          const place = pixels(panel.gridPos, width);
          return (
            <div key={index} style={{ position: 'absolute', ...place }}>
              <PanelView
                panel={panel}
                place={index}
                variables={variables}
                marks={marks}
                width={place.width}
                height={place.height}
                onDone={onDone}
              />
            </div>
          );
        })}
      </div>
      <div style={{ ...muted, fontSize: 12 }}>
        {request.note}
        {layout.panels.some((panel) => panel.type === 'heatmap') ? ' Heat maps are an imitation: theirs live in the server.' : ''}
      </div>
    </div>
  );
}

const words = (one: Told) => document.querySelector<HTMLElement>(`[data-panel="${one.place}"]`)?.innerText ?? '';

/** Once every panel that has data shows some, and the font is there: what each shows in words, beside what is known of its data. */
async function finish(told: Told[], variables: Variables): Promise<void> {
  const end = performance.now() + SHOWN_WITHIN_MS;
  while (told.some((one) => one.values > 0 && words(one) === '') && performance.now() < end) {
    await pause();
  }
  await document.fonts.ready;
  await pause();
  told.sort((one, other) => one.place - other.place);
  for (const one of told) {
    one.shown = words(one).replace(/\s+/g, ' ').slice(0, SHOWN);
  }
  const shown = Object.fromEntries(variables.shown.map(({ variable, text }) => [variable.name, text]));
  window.drawn = { panels: told, variables: shown };
}

async function draw(): Promise<void> {
  register();
  const dashboard: Dashboard = await (await fetch(request.dashboard)).json();
  const variables = new Variables(request.range);
  await variables.resolve(dashboard.templating.list);
  const layout = layOut(dashboard.panels, variables, request.expanded);
  const marks = await marksOf(dashboard.annotations?.list ?? [], variables);
  createRoot(document.getElementById('page')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Page dashboard={dashboard} variables={variables} layout={layout} marks={marks} />
    </ThemeContext.Provider>,
  );
}

window.addEventListener('error', (event) => {
  // a table that measures its lines tells this: what is left is delivered with the next frame
  if (!event.message.startsWith('ResizeObserver loop')) {
    window.drawn = { error: String(event.error?.stack ?? event.message) };
  }
});
draw().catch((reason: Error) => (window.drawn = { error: String(reason.stack ?? reason) }));
