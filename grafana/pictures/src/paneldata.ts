// From a panel's queries to the frames that its component draws.
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  createTheme,
  dateTime,
  FieldType,
  rangeUtil,
  transformDataFrame,
  type DataFrame,
  type FieldConfigSource,
  type TimeRange,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';
import { optionsOf } from './fieldconfig';
import type { Annotation, DataSource, Panel, Target } from './model';
import { ask, asBuckets, asSeries, asTable } from './prometheus';
import { askDatabase, expand } from './postgres';
import { request } from './request';
import { intervals, type Variables } from './variables';

export const theme = createTheme({ colors: { mode: request.mode } });
export const TIME_ZONE = 'utc';

const isPostgres = (source?: DataSource | null) => /postgres/.test(`${source?.type} ${source?.uid}`);

export interface PanelData {
  frames: DataFrame[];
  fieldConfig: FieldConfigSource;
  range: TimeRange;
  replace: (text: string, scoped?: any) => string;
}

export interface Told {
  id: number;
  /** Which of the panels drawn it is: one that is repeated has its number several times. */
  place: number;
  title: string;
  type: string;
  queries: number;
  series: number;
  values: number;
  notANumber: number;
  shown?: string;
  error?: string;
}

function rangeOf(panel: Panel): TimeRange {
  if (!panel.timeFrom) {
    return request.range;
  }
  const { to } = request.range;
  const from = dateTime(to.valueOf() - rangeUtil.intervalToMs(panel.timeFrom));
  return { from, to, raw: { from, to } };
}

async function framesOf(panel: Panel, target: Target, range: TimeRange, width: number, variables: Variables, tables: number) {
  const smallest = variables.words(target.interval || panel.interval || `${request.scrapeSeconds}s`);
  const { step, places } = intervals(range, panel.maxDataPoints ?? Math.round(width), smallest);
  if (target.rawSql !== undefined || isPostgres(target.datasource)) {
    const sql = variables.sql(expand(target.rawSql ?? '', range), places, panel.scope);
    return [await askDatabase(target, sql)];
  }
  if (target.expr === undefined) {
    throw new Error(`target ${target.refId} has no expression`);
  }
  const series = await ask(target, variables.promql(target.expr, places, panel.scope), range, step);
  if (target.format === 'table') {
    return series.length ? [asTable(target, series, tables > 1)] : [];
  }
  const frames = asSeries(target, series, step);
  return target.format === 'heatmap' ? asBuckets(frames) : frames;
}

/** Queries, transformations and field configuration, as Grafana applies them. */
export async function dataOf(panel: Panel, width: number, variables: Variables): Promise<PanelData> {
  const range = rangeOf(panel);
  const replace = (text: string, scoped?: any) => variables.words(text, panel.scope, scoped);
  const fieldConfig: FieldConfigSource = {
    defaults: panel.fieldConfig?.defaults ?? {},
    overrides: panel.fieldConfig?.overrides ?? [],
  };
  const targets = (panel.targets ?? []).filter((target) => !target.hide);
  const tables = targets.filter((target) => target.format === 'table').length;
  const asked = await Promise.all(
    targets.map((target) =>
      framesOf(panel, { ...target, datasource: target.datasource ?? panel.datasource }, range, width, variables, tables),
    ),
  );
  const transformed = await firstValueFrom(
    transformDataFrame(panel.transformations ?? [], asked.flat(), { interpolate: (text) => replace(text) }),
  );
  const frames = applyFieldOverrides({
    data: transformed,
    fieldConfig,
    fieldConfigRegistry: optionsOf(fieldConfig),
    replaceVariables: replace,
    theme,
    timeZone: TIME_ZONE,
  });
  cacheFieldDisplayNames(frames);
  return { frames, fieldConfig, range, replace };
}

/** What is to be said of a panel's data. */
export function tell(panel: Panel, place: number, title: string, data: PanelData | null, error?: string): Told {
  const numbers = (data?.frames ?? []).flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number));
  const values = numbers.flatMap((field) => field.values as Array<number | null>);
  return {
    id: panel.id,
    place,
    title,
    type: panel.type,
    queries: (panel.targets ?? []).filter((target) => !target.hide).length,
    series: (data?.frames ?? []).filter((frame) => frame.length > 0).length,
    values: (data?.frames ?? []).reduce((sum, frame) => sum + frame.length, 0),
    notANumber: values.filter((value) => value !== null && value !== undefined && !Number.isFinite(value)).length,
    ...(error === undefined ? {} : { error }),
  };
}

/** Milliseconds since 1970; a moment where both are the same. */
export interface Mark {
  from: number;
  to: number;
  color: string;
}

/** What the annotations mark. */
export async function marksOf(annotations: Annotation[], variables: Variables): Promise<Mark[]> {
  const marks: Mark[] = [];
  for (const annotation of annotations.filter((one) => one.enable)) {
    const target = annotation.target ?? { refId: 'Anno', ...(annotation.expr ? { expr: annotation.expr } : {}) };
    const color = theme.visualization.getColorByName(annotation.iconColor ?? 'blue');
    const { step, places } = intervals(request.range, 100, `${request.scrapeSeconds}s`);
    if (target.rawSql && (isPostgres(annotation.datasource) || isPostgres(target.datasource))) {
      const frame = await askDatabase(target, variables.sql(expand(target.rawSql, request.range), places));
      const time = frame.fields.find((field) => field.type === FieldType.time);
      marks.push(...(time?.values ?? []).map((at) => ({ from: at, to: at, color })));
    } else if (target.expr) {
      const ranged = { ...target, instant: false, range: true };
      const series = await ask(ranged, variables.promql(target.expr, places), request.range, step);
      for (const one of series) {
        let last: Mark | undefined;
        for (const [time] of (one.values ?? []).filter(([, value]) => Number(value) !== 0)) {
          // points in a row are one mark
          if (last && time * 1000 - last.to <= step * 1500) {
            last.to = time * 1000;
          } else {
            marks.push((last = { from: time * 1000, to: time * 1000, color }));
          }
        }
      }
    }
  }
  return marks;
}
