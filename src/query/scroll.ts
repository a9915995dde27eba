import { type DataQueryRequest, dateTime } from '@grafana/data';
import type { AuditLogQuery } from '../types';

/** Grafana's mark of a query that fetches more rows while somebody scrolls a log in Explore. */
export const INFINITE_SCROLL = 'infiniteScroll';

/**
 * Explore asks for older rows up to the millisecond of the oldest row it shows. Time ranges here exclude their end, so one
 * millisecond is added: the rest of that millisecond belongs to the answer, and Explore drops the rows it already has.
 */
export function includeScrolledInstant(request: DataQueryRequest<AuditLogQuery>): DataQueryRequest<AuditLogQuery> {
  if (!request.targets.some(isScrolling)) {
    return request;
  }
  const { range } = request;
  return { ...request, range: { ...range, to: dateTime(range.to.valueOf() + 1) } };
}

function isScrolling(query: AuditLogQuery): boolean {
  return 'supportingQueryType' in query && query.supportingQueryType === INFINITE_SCROLL;
}
