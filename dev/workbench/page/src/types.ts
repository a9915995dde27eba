import { type ConfigOverrideRule, type DataSourceInstanceSettings, type DataSourcePluginMeta, type FieldConfig } from '@grafana/data';
import { type DataQuery } from '@grafana/schema';

/** The response of GET /api/frontend/settings. */
export interface FrontendSettings {
  appUrl: string;
  defaultDatasource: string;
  datasources: Record<string, DataSourceInstanceSettings>;
  plugin: DataSourcePluginMeta;
}

/** The part of a dashboard's JSON that the page uses. */
export interface Dashboard {
  uid: string;
  title: string;
  time?: { from: string; to: string };
  panels?: DashboardPanel[];
  templating?: { list?: DashboardVariable[] };
}

export interface DashboardPanel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { uid?: string };
  targets?: DataQuery[];
  maxDataPoints?: number;
  interval?: string;
  timeFrom?: string;
  fieldConfig?: { defaults?: FieldConfig; overrides?: ConfigOverrideRule[] };
  options?: { reduceOptions?: { fields?: string } };
  panels?: DashboardPanel[];
}

export interface DashboardVariable {
  name: string;
  type: string;
  current?: { value?: string | string[]; text?: string | string[] };
  options?: Array<{ value: string }>;
  includeAll?: boolean;
  allValue?: string;
  multi?: boolean;
  query?: string;
}
