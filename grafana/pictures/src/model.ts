// What is read of a dashboard of the classic JSON model.
import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';

export interface DataSource {
  type?: string;
  uid?: string;
}

export interface Target {
  refId: string;
  datasource?: DataSource | null;
  hide?: boolean;
  // of Prometheus
  expr?: string;
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  interval?: string;
  // of both
  format?: string;
  // of PostgreSQL
  rawSql?: string;
}

export interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  datasource?: DataSource | null;
  transparent?: boolean;
  gridPos: Place;
  targets?: Target[];
  transformations?: DataTransformerConfig[];
  fieldConfig?: FieldConfigSource;
  options?: Record<string, any>;
  interval?: string;
  maxDataPoints?: number;
  timeFrom?: string;
  repeat?: string;
  repeatDirection?: 'h' | 'v';
  maxPerRow?: number;
  // of rows
  collapsed?: boolean;
  panels?: Panel[];
  // set here: which value of the repeated variable it stands for
  scope?: Record<string, string[]>;
}

export interface Variable {
  name: string;
  type: string;
  label?: string;
  hide?: number;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string | null;
  regex?: string;
  query?: string | { query?: string };
  definition?: string;
  datasource?: DataSource | null;
  current?: { text?: string | string[]; value?: string | string[] };
  options?: Array<{ text: string; value: string; selected?: boolean }>;
}

export interface Annotation {
  name: string;
  enable: boolean;
  hide?: boolean;
  iconColor?: string;
  datasource?: DataSource | null;
  expr?: string;
  target?: Target;
  titleFormat?: string;
  textFormat?: string;
}

export interface Dashboard {
  uid: string;
  title: string;
  description?: string;
  panels: Panel[];
  templating: { list: Variable[] };
  annotations?: { list: Annotation[] };
  time: { from: string; to: string };
}
