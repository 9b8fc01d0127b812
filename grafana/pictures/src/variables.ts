// The dashboard's variables: what each may be, what is chosen, and texts with their places filled in.
import { escapeRegex, rangeUtil, type ScopedVars, type TimeRange } from '@grafana/data';
import { labelValues } from './prometheus';
import { request } from './request';
import type { Variable } from './model';

const PLACE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.[^:^}]+)?(?::([^}]+))?\}/g;
const ALL = '$__all';

type Format = (values: string[]) => string;
type Values = Record<string, string[]>;

const quoted = (values: string[]) => values.map((value) => `'${value.replaceAll("'", "''")}'`).join(',');

const FORMATS: Record<string, Format> = {
  csv: (values) => values.join(','),
  doublequote: (values) => values.map((value) => `"${value}"`).join(','),
  glob: (values) => (values.length > 1 ? `{${values.join(',')}}` : values.join('')),
  pipe: (values) => values.join('|'),
  queryparam: (values) => values.map((value) => encodeURIComponent(value)).join('&'),
  raw: (values) => values.join(','),
  regex: (values) => asRegex(values),
  singlequote: quoted,
  sqlstring: quoted,
  text: (values) => values.join(' + '),
};

function asRegex(values: string[]): string {
  const escaped = values.map(escapeRegex);
  return escaped.length > 1 ? `(${escaped.join('|')})` : escaped.join('');
}

export class Variables {
  /** What is chosen, as it is shown. */
  readonly shown: Array<{ variable: Variable; text: string }> = [];
  private readonly all = new Set<string>();
  private readonly options: Values = {};
  private readonly values: Values = {};
  private readonly allValues: Record<string, string> = {};

  constructor(private readonly range: TimeRange) {}

  /** Finds the values of each, in order: a later one may name an earlier one. */
  async resolve(variables: Variable[]): Promise<void> {
    for (const variable of variables) {
      const options = await this.offered(variable);
      const asked = request.chosen(variable.name);
      const current = asked.length ? asked : [variable.current?.value ?? []].flat().filter((value) => value !== '');
      const isAll = current.includes(ALL) || (variable.includeAll === true && current.length === 0);
      this.options[variable.name] = options;
      this.values[variable.name] = isAll ? options : current.length ? current : options.slice(0, 1);
      if (isAll) {
        this.all.add(variable.name);
        if (variable.allValue) {
          this.allValues[variable.name] = variable.allValue;
        }
      }
      this.shown.push({ variable, text: isAll ? 'All' : this.values[variable.name]!.join(' + ') });
    }
  }

  /** Values for which a row or a panel is repeated. */
  repeated(name: string): string[] {
    return this.values[name] ?? [];
  }

  /** A text with the variables filled in; `asDefault` says how several values are written where the place does not. */
  fill(text: string, asDefault: Format = FORMATS.glob!, more: Record<string, string> = {}, scope: Values = {}): string {
    return text.replace(PLACE, (whole, plain, bracketed, format, braced, format2) => {
      const name: string = plain ?? bracketed ?? braced;
      const named: string | undefined = format ?? format2;
      if (more[name] !== undefined) {
        return more[name];
      }
      if (name === '__from' || name === '__to') {
        const moment = name === '__from' ? this.range.from : this.range.to;
        return named?.startsWith('date') ? moment.toISOString() : String(moment.valueOf());
      }
      if (scope[name]) {
        return (FORMATS[named ?? ''] ?? asDefault)(scope[name]);
      }
      if (this.allValues[name] !== undefined && named !== 'text') {
        return this.allValues[name];
      }
      if (this.all.has(name) && named === 'text') {
        return 'All';
      }
      const values = this.values[name];
      return values ? (FORMATS[named ?? ''] ?? asDefault)(values) : whole;
    });
  }

  /** For PromQL: a value is a regular expression. */
  promql(text: string, more: Record<string, string>, scope?: Values): string {
    return this.fill(text, asRegex, more, scope);
  }

  /** For SQL: values are quoted where there are several, as the data source does it. */
  sql(text: string, more: Record<string, string>, scope?: Values): string {
    return this.fill(text, (values) => (values.length > 1 ? quoted(values) : values.join('')), more, scope);
  }

  /** For titles and links. */
  words(text: string, scope?: Values, scoped?: ScopedVars): string {
    const more = Object.fromEntries(Object.entries(scoped ?? {}).map(([name, one]) => [name, String(one?.value)]));
    return this.fill(text, FORMATS.text!, more, scope);
  }

  private async offered(variable: Variable): Promise<string[]> {
    switch (variable.type) {
      case 'query': {
        const query = typeof variable.query === 'string' ? variable.query : (variable.query?.query ?? '');
        const found = await labelValues(this.promql(query, {}), this.range);
        const pattern = variable.regex ? new RegExp(variable.regex.replace(/^\/|\/\w*$/g, '')) : null;
        return found.filter((value) => pattern === null || pattern.test(value));
      }
      case 'datasource':
        return [String([variable.current?.value ?? ''].flat()[0] || variable.query)];
      case 'custom':
      case 'interval':
        return (variable.options ?? [])
          .map((option) => option.value)
          .concat(
            variable.options?.length ? [] : String(variable.query ?? '').split(',').map((part) => part.split(' : ').pop()!.trim()),
          )
          .filter((value) => value !== ALL);
      default:
        return [String(typeof variable.query === 'string' ? variable.query : '')];
    }
  }
}

/** Seconds of Prometheus' intervals, for places such as $__rate_interval. */
export function intervals(range: TimeRange, points: number, smallest: string): { step: number; places: Record<string, string> } {
  const scrape = request.scrapeSeconds;
  const interval = rangeUtil.calculateInterval(range, points, smallest);
  const step = Math.max(interval.intervalMs / 1000, 0.001);
  const seconds = (range.to.valueOf() - range.from.valueOf()) / 1000;
  const places = {
    __interval: interval.interval,
    __interval_ms: String(interval.intervalMs),
    __rate_interval: `${Math.max(Math.ceil(step) + scrape, 4 * scrape)}s`,
    __range: `${Math.ceil(seconds)}s`,
    __range_s: String(Math.ceil(seconds)),
    __range_ms: String(Math.ceil(seconds * 1000)),
  };
  return { step, places };
}
