import type { AuditLogQuery, FilterField, QueryType } from '../types';
import { DEFAULT_LIMIT, withDefaults } from './defaults';

/** How many events or groups each query type shows at first: a chart or a top list of hundreds is not legible. */
const FIRST_LIMITS: Partial<Record<QueryType, number>> = { series: 10, top: 20 };
/** The groups that a query type needs to mean something. */
const FIRST_GROUPS: Partial<Record<QueryType, FilterField[]>> = { top: ['account'], firstSeen: ['account', 'address'] };

/** Returns the change that gives a query another type, with a limit and groups that suit it. What somebody has set stays. */
export function changeType(query: AuditLogQuery, queryType: QueryType, maxEvents: number): Partial<AuditLogQuery> {
  const before = withDefaults(query, maxEvents);
  const firstLimit = (type: QueryType) => Math.min(FIRST_LIMITS[type] ?? DEFAULT_LIMIT, maxEvents);
  // A stored query without a limit has the general default.
  const isFirst = [firstLimit(before.queryType), Math.min(DEFAULT_LIMIT, maxEvents)].includes(before.limit);
  const limit = isFirst ? firstLimit(queryType) : before.limit;
  const groupBy = before.groupBy.length === 0 ? FIRST_GROUPS[queryType] : undefined;
  return { queryType, ...(limit !== before.limit && { limit }), ...(groupBy && { groupBy }) };
}
