// SQL of a panel, asked of the real database through the server of this page, and the answer as a data frame.
import { FieldType, type DataFrame, type TimeRange } from '@grafana/data';
import type { Target } from './model';

interface Column {
  name: string;
  type: 'number' | 'string' | 'time' | 'boolean' | 'other';
}

interface Answer {
  error?: string;
  columns: Column[];
  rows: unknown[][];
}

/** The data source's macros of time, as its documentation has them. */
export function expand(sql: string, range: TimeRange): string {
  const [from, to] = [`'${range.from.toISOString()}'`, `'${range.to.toISOString()}'`];
  return sql
    .replace(/\$__timeFilter\(([^)]+)\)/g, `$1 BETWEEN ${from} AND ${to}`)
    .replace(/\$__timeFrom\(\)/g, from)
    .replace(/\$__timeTo\(\)/g, to)
    .replace(/\$__time\(([^)]+)\)/g, '$1 AS "time"')
    .replace(/\$__unixEpochFrom\(\)/g, String(Math.floor(range.from.valueOf() / 1000)))
    .replace(/\$__unixEpochTo\(\)/g, String(Math.floor(range.to.valueOf() / 1000)));
}

/** One frame, a field for each column; that named `time` is a time in Grafana as well. */
export async function askDatabase(target: Target, sql: string): Promise<DataFrame> {
  const response = await fetch('sql', { method: 'POST', body: sql });
  const answer: Answer = await response.json();
  if (answer.error) {
    throw new Error(answer.error);
  }
  return {
    refId: target.refId,
    length: answer.rows.length,
    fields: answer.columns.map((column, index) => ({
      name: column.name,
      type: FieldType[column.type],
      config: {},
      values: answer.rows.map((row) => row[index]),
    })),
  };
}
