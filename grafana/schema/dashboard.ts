// Root of dashboard.schema.json: Grafana's own types of the classic dashboard, with the open parts of a panel
// (targets, options, fieldConfig.custom) closed by the types of the panels and of the data sources that are used here.
import type { Prometheus } from '@grafana/prometheus/dist/types/dataquery';
import type {
  AnnotationQuery,
  Dashboard as AnyDashboard,
  DataQuery,
  FieldConfigSource,
  Panel,
  RowPanel,
  VariableModel,
} from '@grafana/schema';
import type {
  FieldConfig as HeatmapCustom,
  Options as HeatmapOptions,
} from '@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/types.gen';
import type { Options as StatOptions } from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type {
  FieldConfig as TableCustom,
  Options as TableOptions,
} from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type { Options as TextOptions } from '@grafana/schema/dist/types/raw/composable/text/panelcfg/x/types.gen';
import type {
  FieldConfig as TimeseriesCustom,
  Options as TimeseriesOptions,
} from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

type Query = Omit<Prometheus, 'scopes' | 'adhocFilters' | 'datasource'> & { datasource: { type: 'prometheus'; uid: string } };
type Field<Custom> = Omit<FieldConfigSource['defaults'], 'custom' | 'links'> & { custom?: Custom; links?: DataLink[] };

// What of @grafana/data's DataLink a JSON can hold, and of @grafana/sql's SQLQuery a query that is text; both packages
// are of a browser's size.
interface DataLink {
  title: string;
  url: string;
  targetBlank?: boolean;
}
interface RecordQuery extends Pick<DataQuery, 'refId' | 'hide'> {
  datasource: { type: 'grafana-postgresql-datasource'; uid: string };
  editorMode: 'code';
  format: 'table' | 'time_series';
  rawQuery: true;
  rawSql: string;
}

interface Shown<Type extends string, Options, Custom, Asked = Query>
  extends Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig'> {
  type: Type;
  options: Options;
  targets: Asked[];
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & { defaults: Field<Custom> };
}

interface Text extends Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig'> {
  type: 'text';
  options: TextOptions;
}

type Drawn =
  | Shown<'heatmap', HeatmapOptions, HeatmapCustom>
  | Shown<'stat', StatOptions, Record<string, never>>
  | Shown<'table', TableOptions, TableCustom>
  | Shown<'table', TableOptions, TableCustom, RecordQuery>
  | Shown<'timeseries', TimeseriesOptions, TimeseriesCustom>
  | Text;

// How the Prometheus data source turns a sample into an annotation; Grafana has no published type for it.
interface Annotation extends Omit<AnnotationQuery, 'target'> {
  target: Query;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: boolean;
}

interface RecordAnnotation extends Omit<AnnotationQuery, 'target'> {
  target: RecordQuery;
}

export interface Dashboard extends Omit<AnyDashboard, 'panels' | 'annotations' | 'templating'> {
  panels: Array<Drawn | (Omit<RowPanel, 'panels'> & { panels: Drawn[] })>;
  annotations: { list: Array<Annotation | RecordAnnotation> };
  templating: { list: VariableModel[] };
}
