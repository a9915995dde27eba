import { queryStrings } from '../strings/query';
import type { EventFormat, QuerySource, QueryType, SortOrder } from '../types';
import type { EditorMode } from './editorMode';

export interface Choice<T> {
  value: T;
  label: string;
  description: string;
}

function choicesOf<T extends string>(choices: Record<T, { label: string; description: string }>): Choice<T>[] {
  return Object.entries<{ label: string; description: string }>(choices).map(([value, texts]) => ({ value: value as T, ...texts }));
}

const QUERY_TYPES: Choice<QueryType>[] = choicesOf(queryStrings.queryType.choices);
const SOURCES: Choice<QuerySource>[] = choicesOf(queryStrings.source.choices);
export const MODES: Choice<EditorMode>[] = choicesOf(queryStrings.mode.choices);
export const FORMATS: Choice<EventFormat>[] = choicesOf(queryStrings.format.choices);
export const LINES: Choice<'full' | 'description'>[] = choicesOf(queryStrings.line.choices);
export const ORDERS: Choice<SortOrder>[] = choicesOf(queryStrings.sort.choices);

// Queries about the plugin itself are not offered: one dashboard consists of them.
const OFFERED: QueryType[] = ['events', 'count', 'series', 'top', 'firstSeen'];
export const OFFERED_IN_RULES: QueryType[] = ['count', 'series', 'firstSeen'];

/** Returns the query types on offer, in an alert rule only those that fit one, and the current one. */
export function queryTypesFor(forAlert: boolean, current: QueryType): Choice<QueryType>[] {
  const offered = forAlert ? OFFERED_IN_RULES : OFFERED;
  return QUERY_TYPES.filter(({ value }) => value === current || offered.includes(value));
}

/** Returns the sources on offer, and the current one. */
export function sourcesFor(queueEnabled: boolean, current: QuerySource): Choice<QuerySource>[] {
  return SOURCES.filter(({ value }) => value === current || value === 'search' || queueEnabled);
}
