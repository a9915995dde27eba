import type { ComponentType } from 'react';
import type { QueryShape } from '../../types';
import type { ShapeEditorProps } from '../props';
import { EventsEditor } from './EventsEditor';
import { FirstSeenEditor } from './FirstSeenEditor';
import { GroupsEditor } from './GroupsEditor';

/** The editor of each query type. An answer about the plugin itself has nothing to narrow it, so it has none. */
export const SHAPE_EDITORS: Record<QueryShape, ComponentType<ShapeEditorProps> | undefined> = {
  events: EventsEditor,
  count: GroupsEditor,
  series: GroupsEditor,
  top: GroupsEditor,
  firstSeen: FirstSeenEditor,
  status: undefined,
  callers: undefined,
};
