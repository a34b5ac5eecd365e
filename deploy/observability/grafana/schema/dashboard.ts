// What a dashboard of weir's may be: the types that Grafana publishes, narrowed to the panels and the data source in
// use. check.js makes JSON schemas of them. A panel of another kind needs a type here first.
import type { Dashboard as AnyDashboard, DataSourceRef, FieldConfigSource, Panel, RowPanel } from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type {
  FieldConfig as TimeSeriesStyle,
  Options as TimeSeriesOptions,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Annotations = NonNullable<NonNullable<AnyDashboard['annotations']>['list']>[number];

/** Its panels are judged one by one, each by the schema of its type. */
export interface Dashboard extends Omit<AnyDashboard, 'panels' | 'annotations'> {
  panels: { type: 'row' | 'stat' | 'timeseries' }[];
  annotations: {
    list: (Omit<Annotations, 'target'> & {
      target?: Query;
      /** Read by the Prometheus data source, and in no published type. */
      titleFormat?: string;
    })[];
  };
}

/** A question to Prometheus. No type of it is published. */
interface Query {
  refId: string;
  datasource?: DataSourceRef;
  expr: string;
  interval?: string;
  legendFormat?: string;
  range?: boolean;
  instant?: boolean;
  editorMode?: 'builder' | 'code';
}

interface Drawn<Options, Custom> extends Omit<Panel, 'options' | 'fieldConfig' | 'targets'> {
  id: number;
  gridPos: NonNullable<Panel['gridPos']>;
  title: string;
  description: string;
  options: Options;
  fieldConfig: FieldConfigSource<Custom>;
  targets: Query[];
}

// The name of each is what Grafana calls its type.
export type timeseries = Drawn<TimeSeriesOptions, TimeSeriesStyle>;
export type stat = Drawn<StatOptions, Record<string, never>>;
export type row = RowPanel;
