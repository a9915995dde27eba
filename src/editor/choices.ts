import type { EventFormat, EventShape, QueryShape, QuerySource, SortOrder } from '../types';

interface Choice<T> {
  value: T;
  label: string;
  description: string;
}

const SHAPES: Choice<QueryShape>[] = [
  { value: 'events', label: 'Events', description: 'The newest or oldest events, as log lines or as a table' },
  { value: 'count', label: 'Count', description: 'One number for the whole time range, or one a group' },
  { value: 'series', label: 'Over time', description: 'Counts by time bucket, one line a group, zero where nothing happened' },
  { value: 'top', label: 'Top list', description: 'The groups with the most events, with their first and last occurrence' },
  { value: 'firstSeen', label: 'First seen', description: 'Groups that occur now and not once in the time before, such as a new address of an actor' },
];

/** Shown where a stored query has them, and not on offer: one dashboard is made of them. */
const OWN_SHAPES: Choice<QueryShape>[] = [
  { value: 'status', label: 'Plugin status', description: 'Numbers of the plugin itself: requests, cache and queue' },
  { value: 'callers', label: 'Who spends requests', description: 'The requests that each panel and alert rule has taken' },
];

const SOURCES: Choice<QuerySource>[] = [
  { value: 'search', label: 'Search', description: 'Asks Carbon Black Cloud for the time range' },
  { value: 'queue', label: 'Queue', description: 'What the queue of this API key has delivered so far, narrowed by filters; it takes no Lucene text' },
];

export const FORMATS: Choice<EventFormat>[] = [
  { value: 'logs', label: 'Logs', description: 'Log lines, for Explore and the logs panel' },
  { value: 'table', label: 'Table', description: 'One column a field' },
];

export const ORDERS: Choice<SortOrder>[] = [
  { value: 'desc', label: 'Newest first', description: 'Starts at the end of the time range' },
  { value: 'asc', label: 'Oldest first', description: 'Starts at the beginning of the time range' },
];

/** Which shape serves an alert rule, told while that shape is chosen. */
export const ALERT_HINTS: Record<EventShape, string> = {
  count: 'Count serves most rules: one number a group, 0 when nothing happened. Put a threshold directly on it.',
  series: 'Over time serves rules about rates: reduce it (Last, Max or Sum), then put a threshold on the result.',
  firstSeen: 'First seen serves rules about something new: fire when its value is above 0.',
  events: 'Events cannot be compared with a threshold; in a rule they are counted by group instead. Choose Count.',
  top: 'A top list is cut at its limit. For a rule choose Count.',
};

const ALERT_SHAPES: QueryShape[] = ['count', 'series', 'firstSeen'];

/** The shapes on offer, in an alert rule only those that fit one, and the one that is already chosen. */
export function shapesFor(forAlert: boolean, current: QueryShape): Choice<QueryShape>[] {
  const offered = (value: QueryShape) => !forAlert || ALERT_SHAPES.includes(value);
  return [...SHAPES.filter(({ value }) => value === current || offered(value)), ...OWN_SHAPES.filter(({ value }) => value === current)];
}

/** The sources on offer, and the one that is already chosen. */
export function sourcesFor(queueOffered: boolean, current: QuerySource): Choice<QuerySource>[] {
  return SOURCES.filter(({ value }) => value === current || value === 'search' || queueOffered);
}
