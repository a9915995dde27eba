import type { AuditLogQuery } from '../types';

/** Bars of the histogram: where there are too many events to read, each takes a request of its own. */
export const VOLUME_POINTS = 60;

/** How many events there are over time behind a list of them; nothing for a query that lists none. */
export function volumeQuery(query: AuditLogQuery): AuditLogQuery | undefined {
  if ((query.queryType || 'events') !== 'events') {
    return undefined;
  }
  const refId = `log-volume-${query.refId}`;
  return { ...query, refId, queryType: 'series', format: undefined, sort: undefined, limit: undefined, groupBy: undefined };
}
