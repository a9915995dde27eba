import { CoreApp, LogsSortOrder, store } from '@grafana/data';
import type { AuditLogQuery, EventFormat, FilterField, Filters, QueryType, QuerySource, SortOrder } from '../types';

export const SCHEMA_VERSION = 1;
export const DEFAULT_LIMIT = 500;
export const DEFAULT_MAX_EVENTS = 100_000;
export const DEFAULT_REQUESTS = 600;
export const DEFAULT_SETTLE_SECONDS = 60;
export const DEFAULT_BASELINE = '30d';

/** A query with every default filled in. */
export interface CompleteQuery extends AuditLogQuery {
  schemaVersion: number;
  queryType: QueryType;
  source: QuerySource;
  format: EventFormat;
  query: string;
  criteria: Filters;
  exclusions: Filters;
  groupBy: FilterField[];
  limit: number;
  sort: SortOrder;
  baseline: string;
  fold: boolean;
}

/** Returns the query of a new panel, alert rule or Explore pane: a count in alert rules, events elsewhere. */
export function defaultQuery(app: CoreApp | undefined, maxEvents: number): Partial<AuditLogQuery> {
  return {
    schemaVersion: SCHEMA_VERSION,
    queryType: isAlertApp(app) ? 'count' : 'events',
    source: 'search',
    format: 'logs',
    query: '',
    limit: defaultLimit(maxEvents),
    sort: defaultSort(app),
  };
}

/** Reports whether a query is about the plugin itself instead of events, so that nothing narrows it. */
export function isPluginQuery(queryType: string): queryType is 'status' | 'callers' {
  return queryType === 'status' || queryType === 'callers';
}

/** Reports whether the editor is part of an alert rule. */
export function isAlertApp(app: CoreApp | string | undefined): boolean {
  return app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting;
}

/** Reports whether the editor is part of a panel. */
export function isPanelApp(app: CoreApp | string | undefined): boolean {
  return app === CoreApp.PanelEditor || app === CoreApp.Dashboard;
}

/** Where Grafana remembers in which order Explore shows logs. */
const EXPLORE_ORDER = 'grafana.explore.logs.sortOrder';

/** Returns the order of a new query: in Explore, the one in which logs are shown. */
function defaultSort(app: CoreApp | undefined): SortOrder {
  return app === CoreApp.Explore && store.get(EXPLORE_ORDER) === LogsSortOrder.Ascending ? 'asc' : 'desc';
}

function defaultLimit(maxEvents: number): number {
  return Math.min(DEFAULT_LIMIT, maxEvents);
}

/** Fills in what is missing. A wrong value stays, so that the backend names it. */
export function withDefaults(query: AuditLogQuery, maxEvents = DEFAULT_MAX_EVENTS): CompleteQuery {
  const present = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  return {
    schemaVersion: SCHEMA_VERSION,
    queryType: 'events',
    source: 'search',
    format: 'logs',
    query: '',
    criteria: {},
    exclusions: {},
    groupBy: [],
    limit: defaultLimit(maxEvents),
    sort: 'desc',
    baseline: DEFAULT_BASELINE,
    fold: false,
    ...Object.fromEntries(present),
    refId: query.refId,
  };
}
