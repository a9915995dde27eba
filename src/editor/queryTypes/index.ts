import type { QueryType } from '../../types';
import type { TypeEditor } from '../props';
import { eventsEditor } from './events';
import { firstSeenEditor } from './firstSeen';
import { groupsEditor } from './groups';

/** The controls of each query type. An answer about the plugin itself has nothing to narrow it, so it has none. */
export const EDITORS: Record<QueryType, TypeEditor | undefined> = {
  events: eventsEditor,
  count: groupsEditor,
  series: groupsEditor,
  top: groupsEditor,
  firstSeen: firstSeenEditor,
  status: undefined,
  callers: undefined,
};
