import type { QueryShape, QuerySource } from '../types';

/**
 * What this version answers. The query model and the settings know more: a part that is false here is refused by the
 * backend, so it is not offered, but where a stored query or setting has it, it is shown with a word.
 */
export const AVAILABLE: Record<QueryShape | QuerySource, boolean> = {
  events: true,
  count: true,
  series: true,
  top: true,
  firstSeen: true,
  status: true,
  callers: true,
  search: true,
  queue: true,
};
