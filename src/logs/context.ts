import {
  CoreApp,
  type DataQueryRequest,
  dateTime,
  type Labels,
  type LogRowContextOptions,
  LogRowContextQueryDirection,
  type LogRowModel,
} from '@grafana/data';
import { SCHEMA_VERSION } from '../query/defaults';
import { INFINITE_SCROLL } from '../query/scroll';
import type { AuditLogQuery, ListField } from '../types';

/** Whose events surround a log line: those of everyone, of the same account, or from the same address. */
export type ContextScope = 'everyone' | 'account' | 'address';

export const CONTEXT_SCOPES: ContextScope[] = ['everyone', 'account', 'address'];

/** The fields that tell a scope, the first one that a line has. A line stored before the derived fields has only the others. */
const SCOPE_FIELDS: Record<ContextScope, ListField[]> = { everyone: [], account: ['account', 'actor'], address: ['address', 'actor_ip'] };

function scopeField(labels: Labels, scope: ContextScope): ListField | undefined {
  return SCOPE_FIELDS[scope].find((field) => labels[field]);
}

const DEFAULT_LIMIT = 100;
const DEFAULT_WINDOW = 24 * 3_600_000;

/** Reports whether a line has the value that a scope needs. */
export function hasScope(labels: Labels, scope: ContextScope): boolean {
  return scope === 'everyone' || scopeField(labels, scope) !== undefined;
}

/** Returns the query for the events around a line. Filters of the original query do not narrow it: context is what they hide. */
export function contextQuery(row: LogRowModel, scope: ContextScope, original?: AuditLogQuery): AuditLogQuery {
  const field = scopeField(row.labels, scope);
  return {
    refId: original?.refId ?? 'A',
    datasource: original?.datasource,
    schemaVersion: SCHEMA_VERSION,
    queryType: 'events',
    source: original?.source ?? 'search',
    format: 'logs',
    ...(field && { criteria: { [field]: [row.labels[field]] } }),
  };
}

/**
 * Returns the request for the lines before or after a line. It includes the whole millisecond of the line, whose other events
 * belong to one side or the other; Grafana drops the lines that it shows already.
 */
export function contextRequest(row: LogRowModel, query: AuditLogQuery, options: LogRowContextOptions = {}): DataQueryRequest<AuditLogQuery> {
  const { direction, limit = DEFAULT_LIMIT, timeWindowMs = DEFAULT_WINDOW, scopedVars = {} } = options;
  const forward = direction === LogRowContextQueryDirection.Forward;
  const time = row.timeEpochMs;
  const [from, to] = (forward ? [time, time + timeWindowMs] : [time - timeWindowMs, time]).map((value) => dateTime(value));
  const target = { ...query, refId: `log-context-${query.refId}-${forward ? 'after' : 'before'}`, limit, sort: forward ? 'asc' : 'desc' } as const;
  return {
    app: CoreApp.Explore,
    requestId: target.refId,
    // The mark of an infinite scroll: the range includes the millisecond that it ends with, and is read in whole milliseconds.
    targets: [{ ...target, supportingQueryType: INFINITE_SCROLL } as AuditLogQuery],
    range: { from, to, raw: { from, to } },
    interval: '1s',
    intervalMs: 1000,
    maxDataPoints: limit,
    scopedVars,
    startTime: Date.now(),
    timezone: 'utc',
    hideFromInspector: true,
  };
}
