import type { DataSourceJsonData } from '@grafana/data';
import type { DataQuery } from '@grafana/schema';

/** The shape of an answer about events. */
export type EventQueryType = 'events' | 'count' | 'series' | 'top' | 'firstSeen';
/** The shape of an answer. The last two are about the plugin itself: its state, and who uses its requests. */
export type QueryType = EventQueryType | 'status' | 'callers';
/** Where an answer comes from: a search, or what the API key's read-once queue has delivered. */
export type QuerySource = 'search' | 'queue';
export type EventFormat = 'logs' | 'table';
export type SortOrder = 'asc' | 'desc';

export type ListField =
  | 'account'
  | 'address'
  | 'category'
  | 'action'
  | 'outcome'
  | 'severity'
  | 'code'
  | 'target'
  | 'target_type'
  | 'actor'
  | 'actor_ip'
  | 'description'
  | 'request_url';
export type FlagField = 'flagged' | 'verbose';
/** A field of an audit event that can be filtered or grouped by. */
export type FilterField = ListField | FlagField;

/** Values of one field are alternatives; fields are combined with AND. */
export type Filters = Partial<Record<ListField, string[]>> & Partial<Record<FlagField, boolean>>;

/** Counts an event only if others came before it, in the same group and time range. */
export interface After {
  /** What the earlier events match instead of the query's own criteria and exclusions of these fields. */
  criteria?: Filters;
  exclusions?: Filters;
  /** The minimum number of earlier events; 1 by default. */
  atLeast?: number;
}

/** One panel query. Every key but refId has a default; see query/defaults.ts. */
export interface AuditLogQuery extends DataQuery {
  schemaVersion?: number;
  queryType?: QueryType;
  source?: QuerySource;
  format?: EventFormat;
  /** Lucene, sent to Carbon Black Cloud unchanged. */
  query?: string;
  criteria?: Filters;
  exclusions?: Filters;
  groupBy?: FilterField[];
  /** The maximum number of events or groups in an answer. */
  limit?: number;
  sort?: SortOrder;
  /** How far back firstSeen looks, for example 30d. */
  baseline?: string;
  after?: After;
  /** What a line of a log shows: by default the account and the address, too. */
  line?: 'description';
  /** Turns the rows that Carbon Black Cloud writes for one edit of a policy into one event. */
  fold?: boolean;
  /** Why the variables of a panel could not be filled in on the way to Explore. Such a query is not sent. */
  variableError?: string;
}

/** Provisioning from environment variables turns numbers and booleans into strings. */
export type Lenient<T extends number | boolean> = T | string;

/** A custom rule of the catalog. By default the outcome is unknown, the severity info, and the code is category.action. */
export interface CatalogRule {
  pattern: string;
  category: string;
  action: string;
  outcome?: string;
  severity?: string;
  code?: string;
}

/** A link on the values of a field. Without a title it is called "Open", and without a pattern all values have it. */
export interface DataLinkSetting {
  field: FilterField;
  title?: string;
  pattern?: string;
  url: string;
}

/** jsonData of the data source. */
export interface AuditLogOptions extends DataSourceJsonData {
  orgKey?: string;
  /** An API key by default. */
  authMethod?: 'apiKey' | 'oauthApp';
  apiId?: string;
  oauthAppId?: string;
  /** The token service; by default the vendor's. */
  oauthTokenUrl?: string;
  queueEnabled?: Lenient<boolean>;
  queuePollSeconds?: Lenient<number>;
  store?: 'memory' | 'postgres';
  archiveDays?: Lenient<number>;
  requestsPerFiveMinutes?: Lenient<number>;
  maxEvents?: Lenient<number>;
  settleSeconds?: Lenient<number>;
  /** A list; from an environment variable, a JSON string. */
  catalogRules?: CatalogRule[] | string;
  /** A list; from an environment variable, a JSON string. */
  dataLinks?: DataLinkSetting[] | string;
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
  oauthAppSecret?: string;
  storeDsn?: string;
  tlsCACert?: string;
  tlsClientCert?: string;
  tlsClientKey?: string;
}
