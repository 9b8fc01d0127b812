// Prometheus' HTTP API, and its answers as data frames of the shape that Grafana's data source gives them.
import { FieldType, type DataFrame, type Labels, type TimeRange } from '@grafana/data';
import type { Target } from './model';

type Point = [number, string];

interface Series {
  metric: Labels;
  value?: Point;
  values?: Point[];
}

async function get(path: string, parameters: Record<string, string>): Promise<any> {
  const answer = await fetch(`prometheus/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const told = await answer.json();
  if (told.status !== 'success') {
    throw new Error(told.error);
  }
  return told;
}

/** The values of `label_values(selector, label)` or `label_values(label)`. */
export async function labelValues(query: string, range: TimeRange): Promise<string[]> {
  const parts = /^label_values\((?:(.+),\s*)?(\w+)\)$/.exec(query.trim());
  if (!parts) {
    throw new Error(`not a query for label values: ${query}`);
  }
  const asked = new URLSearchParams({ start: seconds(range.from.valueOf()), end: seconds(range.to.valueOf()) });
  if (parts[1]) {
    asked.set('match[]', parts[1]);
  }
  const answer = await fetch(`prometheus/api/v1/label/${parts[2]}/values?${asked}`);
  const told = await answer.json();
  if (told.status !== 'success') {
    throw new Error(told.error);
  }
  return told.data;
}

const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(3);

/** Series at steps of the range, or now where the target asks for an instant. */
export async function ask(target: Target, expression: string, range: TimeRange, step: number): Promise<Series[]> {
  const [from, to] = [range.from.valueOf() / 1000, range.to.valueOf() / 1000];
  const told =
    target.instant && !target.range
      ? await get('query', { query: expression, time: String(to) })
      : await get('query_range', {
          query: expression,
          start: String(Math.floor(from / step) * step),
          end: String(Math.floor(to / step) * step),
          step: String(step),
        });
  if (told.warnings?.length) {
    throw new Error(told.warnings.join('; '));
  }
  if (told.data.resultType === 'scalar') {
    return [{ metric: {}, value: told.data.result }];
  }
  return told.data.result;
}

function legend(target: Target, labels: Labels): string | undefined {
  const format = target.legendFormat;
  if (!format || format === '__auto') {
    return undefined;
  }
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name) => labels[name] ?? '');
}

/** A name as Prometheus writes a series: metric{label="value"}. */
function selector(labels: Labels): string {
  const { __name__: name = '', ...others } = labels;
  const pairs = Object.entries(others).map(([label, value]) => `${label}="${value}"`);
  return name + (pairs.length || !name ? `{${pairs.join(', ')}}` : '');
}

/** A frame for each series: time and value. */
export function asSeries(target: Target, series: Series[], step: number): DataFrame[] {
  return series.map((one) => {
    const points = one.values ?? [one.value!];
    const name = legend(target, one.metric) ?? (target.legendFormat === '__auto' ? undefined : selector(one.metric));
    const isRange = one.values !== undefined;
    return {
      refId: target.refId,
      length: points.length,
      fields: [
        {
          name: 'Time',
          type: FieldType.time,
          config: isRange ? { interval: step * 1000 } : {},
          values: points.map(([time]) => time * 1000),
        },
        {
          name: 'Value',
          type: FieldType.number,
          labels: one.metric,
          config: name === undefined ? {} : { displayNameFromDS: name },
          values: points.map(([, value]) => Number(value)),
        },
      ],
    };
  });
}

/** One frame: time, a column for each label, and the value; numbered where several queries of a panel are tables. */
export function asTable(target: Target, series: Series[], numbered: boolean): DataFrame {
  const names = [...new Set(series.flatMap((one) => Object.keys(one.metric)))].sort();
  const rows = series.flatMap((one) => (one.values ?? [one.value!]).map(([time, value]) => ({ one, time, value })));
  return {
    refId: target.refId,
    length: rows.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: rows.map((row) => row.time * 1000) },
      ...names.map((name) => ({
        name,
        type: FieldType.string,
        config: { filterable: true },
        values: rows.map((row) => row.one.metric[name] ?? ''),
      })),
      {
        name: numbered ? `Value #${target.refId}` : 'Value',
        type: FieldType.number,
        config: {},
        values: rows.map((row) => Number(row.value)),
      },
    ],
  };
}

const bound = (frame: DataFrame) => {
  const le = frame.fields[1]!.labels?.le;
  return le === undefined ? Number.NaN : le === '+Inf' ? Infinity : Number(le);
};

/** Cumulative buckets made those of a heat map: each without the ones below, in order of their bounds. */
export function asBuckets(frames: DataFrame[]): DataFrame[] {
  const sorted = frames.filter((frame) => !Number.isNaN(bound(frame))).sort((one, other) => bound(one) - bound(other));
  return sorted.map((frame, index) => {
    const [time, value] = frame.fields as [any, any];
    const below = index ? new Map(sorted[index - 1]!.fields[0]!.values.map((at, row) => [at, sorted[index - 1]!.fields[1]!.values[row]])) : null;
    const values = value.values.map((one: number, row: number) => Math.max(0, one - (below?.get(time.values[row]) ?? 0)));
    return { ...frame, fields: [time, { ...value, name: value.labels.le, config: {}, values }] };
  });
}
