import type { DataFrame, DataQueryRequest, DataQueryResponse, Field } from '@grafana/data';
import { map, type Observable, switchMap } from 'rxjs';
import type { AuditLogQuery } from '../types';

/** The bars of the histogram. Where there are too many events to read, each bar costs a request. */
export const VOLUME_POINTS = 60;

const PREFIX = 'log-volume-';
const SAMPLE_PREFIX = 'log-sample-';
const SAMPLED = ['count', 'series', 'top', 'firstSeen'];
const SAMPLE_LIMIT = 100;

/** Returns the query that counts the events of a list over time; nothing for a query that lists no events. */
export function volumeQuery(query: AuditLogQuery): AuditLogQuery | undefined {
  if ((query.queryType || 'events') !== 'events') {
    return undefined;
  }
  const refId = PREFIX + query.refId;
  return { ...query, refId, queryType: 'series', format: undefined, sort: undefined, limit: undefined, groupBy: undefined };
}

/** Returns the query for some of the events behind numbers; nothing for a query that lists events itself. */
export function sampleQuery(query: AuditLogQuery, limit = SAMPLE_LIMIT): AuditLogQuery | undefined {
  if (!SAMPLED.includes(query.queryType ?? '')) {
    return undefined;
  }
  const { groupBy: _groupBy, baseline: _baseline, after: _after, fold: _fold, ...shared } = query;
  return { ...shared, refId: SAMPLE_PREFIX + query.refId, queryType: 'events', format: 'logs', limit };
}

type Request = DataQueryRequest<AuditLogQuery>;

/** Reports whether a request is for the histogram above a log. */
export function isVolume({ targets }: Request): boolean {
  return targets.length > 0 && targets.every(({ refId }) => refId.startsWith(PREFIX));
}

/**
 * Answers a request for the histogram. The bars have the colors of severities while all events can be read, and are counted
 * without colors beyond that: no color is worth a number that is a part.
 */
export function queryVolume(request: Request, maxEvents: number, ask: (request: Request) => Observable<DataQueryResponse>): Observable<DataQueryResponse> {
  const counts = request.targets.map((query): AuditLogQuery => ({ ...query, queryType: 'count' }));
  return ask({ ...request, requestId: `${request.requestId}-count`, targets: counts }).pipe(
    switchMap((counted) => {
      const targets = request.targets.map((query) => (isReadable(query, counted, maxEvents) ? { ...query, groupBy: ['severity' as const] } : query));
      return ask({ ...request, targets });
    }),
    map((response) => ({ ...response, data: response.data.map(withLevels) }))
  );
}

/** Reports whether the events of a query were counted, without reservations, as no more than can be read. */
function isReadable({ refId }: AuditLogQuery, { data, errors }: DataQueryResponse, maxEvents: number): boolean {
  const frame: DataFrame | undefined = data.find((candidate: DataFrame) => candidate.refId === refId);
  const count = frame?.fields.find(({ type }) => type === 'number')?.values[0];
  const isWhole = !errors?.length && !frame?.meta?.notices?.some(({ severity }) => severity !== 'info');
  return isWhole && typeof count === 'number' && count <= maxEvents;
}

/** Grafana names and colors the bars by the label `level`. */
function withLevels(frame: DataFrame): DataFrame {
  const withLevel = (field: Field): Field => (field.labels?.severity ? { ...field, labels: { ...field.labels, level: field.labels.severity } } : field);
  return { ...frame, fields: frame.fields.map(withLevel) };
}
