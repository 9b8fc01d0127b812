// Root of dashboard.schema.json: Grafana's own types of the classic dashboard, with the open parts of a panel
// (targets, options, fieldConfig.custom) closed by the types of the panels and of the data source that are used here.
import type { Prometheus } from '@grafana/prometheus/dist/types/dataquery';
import type {
  AnnotationQuery,
  Dashboard as AnyDashboard,
  FieldConfigSource,
  Panel,
  RowPanel,
  VariableModel,
} from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type {
  FieldConfig as TableCustom,
  Options as TableOptions,
} from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type {
  FieldConfig as TimeseriesCustom,
  Options as TimeseriesOptions,
} from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

type Query = Omit<Prometheus, 'scopes' | 'adhocFilters' | 'datasource'> & { datasource: { type: 'prometheus'; uid: string } };
type Field<Custom> = Omit<FieldConfigSource['defaults'], 'custom'> & { custom?: Custom };

interface Shown<Type extends string, Options, Custom>
  extends Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig'> {
  type: Type;
  options: Options;
  targets: Query[];
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & { defaults: Field<Custom> };
}

type Drawn =
  | Shown<'stat', StatOptions, Record<string, never>>
  | Shown<'table', TableOptions, TableCustom>
  | Shown<'timeseries', TimeseriesOptions, TimeseriesCustom>;

// How the Prometheus data source turns a sample into an annotation; Grafana has no published type for it.
interface Annotation extends Omit<AnnotationQuery, 'target'> {
  target: Query;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: boolean;
}

export interface Dashboard extends Omit<AnyDashboard, 'panels' | 'annotations' | 'templating'> {
  panels: Array<Drawn | (Omit<RowPanel, 'panels'> & { panels: Drawn[] })>;
  annotations: { list: Annotation[] };
  templating: { list: VariableModel[] };
}
