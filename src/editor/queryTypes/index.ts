import type { ComponentType } from 'react';
import type { QueryType } from '../../types';
import type { TypeEditorProps } from '../props';
import { EventsEditor } from './EventsEditor';
import { FirstSeenEditor } from './FirstSeenEditor';
import { GroupsEditor } from './GroupsEditor';

/** The editor of each query type. An answer about the plugin itself has nothing to narrow it, so it has none. */
export const EDITORS: Record<QueryType, ComponentType<TypeEditorProps> | undefined> = {
  events: EventsEditor,
  count: GroupsEditor,
  series: GroupsEditor,
  top: GroupsEditor,
  firstSeen: FirstSeenEditor,
  status: undefined,
  callers: undefined,
};
