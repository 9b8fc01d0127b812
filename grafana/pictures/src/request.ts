// What the page is asked to draw, in its address.
import { dateTime, type TimeRange } from '@grafana/data';

const asked = new URLSearchParams(location.search);

function needed(name: string): string {
  const value = asked.get(name);
  if (value === null) {
    throw new Error(`the address lacks ${name}`);
  }
  return value;
}

const from = dateTime(Number(needed('from')));
const to = dateTime(Number(needed('to')));

export const request = {
  /** Where the dashboard's JSON is. */
  dashboard: needed('dashboard'),
  mode: asked.get('theme') === 'light' ? ('light' as const) : ('dark' as const),
  range: { from, to, raw: { from, to } } satisfies TimeRange,
  /** Seconds between two scrapes, as the data source in Grafana would be told. */
  scrapeSeconds: Number(asked.get('scrape') ?? 15),
  /** Whether collapsed rows are drawn open. */
  expanded: asked.get('expanded') === '1',
  /** Values of variables in the place of the dashboard's own: var-tenant=acme. */
  chosen: (name: string) => asked.getAll(`var-${name}`),
  note: asked.get('note') ?? '',
};
