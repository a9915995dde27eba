import type { AuditLogQuery } from '../types';

/** The bars of the histogram. Where there are too many events to read, each bar costs a request. */
export const VOLUME_POINTS = 60;

/** Returns the query that counts the events of a list over time; nothing for a query that lists no events. */
export function volumeQuery(query: AuditLogQuery): AuditLogQuery | undefined {
  if ((query.queryType || 'events') !== 'events') {
    return undefined;
  }
  const refId = `log-volume-${query.refId}`;
  return { ...query, refId, queryType: 'series', format: undefined, sort: undefined, limit: undefined, groupBy: undefined };
}
