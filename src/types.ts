import type { DataSourceJsonData } from '@grafana/data';
import type { DataQuery } from '@grafana/schema';

/** The shape of an answer about events. */
export type EventShape = 'events' | 'count' | 'series' | 'top' | 'firstSeen';
/** The shape of an answer. The last two tell of the plugin itself: how it is, and who spends its requests. */
export type QueryShape = EventShape | 'status' | 'callers';
/** Where an answer comes from: a search over history, or what the API key's read-once queue delivered. */
export type QuerySource = 'search' | 'queue';
export type EventFormat = 'logs' | 'table';
export type SortOrder = 'asc' | 'desc';

export type ListField = 'actor' | 'actor_ip' | 'request_url' | 'description' | 'category' | 'action' | 'outcome';
export type FlagField = 'flagged' | 'verbose';
/** A field of an audit event that can be filtered or grouped by. */
export type FilterField = ListField | FlagField;

/** Values of one field are alternatives; fields are combined with AND. */
export type Filters = Partial<Record<ListField, string[]>> & Partial<Record<FlagField, boolean>>;

/** Counts an event only if others came before it: in the same group, in the same window, at an earlier time. */
export interface After {
  /** What the events before have instead of the query's own criteria and exclusions of these fields. */
  criteria?: Filters;
  exclusions?: Filters;
  /** How many others, at least; 1 if nothing is said. */
  atLeast?: number;
}

/** One panel query. Every key but refId has a default; see query/defaults.ts. */
export interface AuditLogQuery extends DataQuery {
  schemaVersion?: number;
  queryType?: QueryShape;
  source?: QuerySource;
  format?: EventFormat;
  /** Lucene text, sent to Carbon Black Cloud as it is. */
  query?: string;
  criteria?: Filters;
  exclusions?: Filters;
  groupBy?: FilterField[];
  /** The most events or groups of an answer. */
  limit?: number;
  sort?: SortOrder;
  /** How far back firstSeen looks, for example 30d. */
  baseline?: string;
  after?: After;
  /** The rows that Carbon Black Cloud writes for one edit of a policy become one. */
  fold?: boolean;
  /** Why the variables of a panel could not be filled in on the way to Explore. Such a query is not sent. */
  variableError?: string;
}

/** Provisioning from environment variables turns numbers and booleans into strings. */
export type Lenient<T extends number | boolean> = T | string;

/** A rule of one's own for the catalog. Without an outcome it is unknown, without a severity info, and without a code the category and the action. */
export interface CatalogRule {
  pattern: string;
  category: string;
  action: string;
  outcome?: string;
  severity?: string;
  code?: string;
}

/** jsonData of the data source. */
export interface AuditLogOptions extends DataSourceJsonData {
  orgKey?: string;
  apiId?: string;
  queueEnabled?: Lenient<boolean>;
  queuePollSeconds?: Lenient<number>;
  store?: 'memory' | 'postgres';
  requestsPerFiveMinutes?: Lenient<number>;
  maxEvents?: Lenient<number>;
  settleSeconds?: Lenient<number>;
  /** A list, or from an environment variable a text of JSON. */
  catalogRules?: CatalogRule[] | string;
  timeout?: Lenient<number>;
  tlsSkipVerify?: boolean;
  tlsAuth?: boolean;
  tlsAuthWithCACert?: boolean;
  serverName?: string;
  enableSecureSocksProxy?: boolean;
}

/** secureJsonData of the data source: written, never read back. */
export interface AuditLogSecrets {
  apiSecret?: string;
  storeDsn?: string;
  tlsCACert?: string;
  tlsClientCert?: string;
  tlsClientKey?: string;
}
