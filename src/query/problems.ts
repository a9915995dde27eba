import type { AuditLogQuery, Filters } from '../types';
import { isOwnShape, withDefaults, type CompleteQuery } from './defaults';
import { FIELD_NAMES, isFlagField, isListField } from './fields';

export type ProblemKey = 'shape' | 'source' | 'lucene' | 'format' | 'sort' | 'limit' | 'groupBy' | 'baseline' | 'fold' | 'after' | 'filters' | 'keys';

/** What is wrong with a query, in words, and at which control. */
export interface Problem {
  at: ProblemKey;
  message: string;
}

/** What the data source's settings allow. */
export interface Abilities {
  maxEvents: number;
  queueEnabled: boolean;
}

const CHOICES: [ProblemKey, 'queryType' | 'source' | 'format' | 'sort', readonly string[]][] = [
  ['shape', 'queryType', ['events', 'count', 'series', 'top', 'firstSeen', 'status', 'callers']],
  ['source', 'source', ['search', 'queue']],
  ['format', 'format', ['logs', 'table']],
  ['sort', 'sort', ['desc', 'asc']],
];

const QUERY_KEYS = 'refId schemaVersion queryType source format query criteria exclusions groupBy limit sort baseline fold after'.split(' ');
// Set by this plugin in the browser; a query that has it is never sent.
const BROWSER_KEYS = ['variableError'];
// What Grafana itself adds to a query. Its editor of alert rules writes instant and range into every query.
export const GRAFANA_KEYS = (
  'datasource datasourceId hide key intervalMs maxDataPoints timeRange relativeTimeRange queryCachingTTL supportingQueryType ' +
  'requestId queryGroupId scopes adhocFilters type resultAssertions instant range'
).split(' ');

export function findProblems(query: AuditLogQuery, abilities: Abilities): Problem[] {
  const complete = withDefaults(query, abilities.maxEvents);
  const problems: Problem[] = [];
  const add = (at: ProblemKey, message: string | undefined) => message && problems.push({ at, message });

  for (const [at, key, allowed] of CHOICES) {
    const value = complete[key];
    add(at, allowed.includes(value) ? undefined : `"${value}" is not known here. Choose one of ${allowed.filter((choice) => !isOwnShape(choice)).join(', ')}.`);
  }
  if (complete.source === 'queue') {
    add('source', queueProblem(abilities.queueEnabled));
  }
  if (complete.source === 'queue' && complete.query !== '') {
    add('lucene', 'Lucene text works with the search only: this query fails. Remove the text and use filters, or choose Search.');
  }
  // A stored limit may be higher than the data source allows by now. It is reduced, which is no problem.
  add('limit', limitProblem(complete.limit, Infinity) && limitProblem(complete.limit, abilities.maxEvents));
  add('groupBy', groupByProblem(complete.groupBy));
  if (complete.queryType === 'firstSeen') {
    add('groupBy', complete.groupBy.length === 0 ? 'First seen needs something to be new: group by at least one field, such as actor.' : undefined);
    add('baseline', baselineProblem(complete.baseline));
  }
  add('fold', typeof complete.fold === 'boolean' ? undefined : 'fold is either true or false.');
  add('after', afterProblem(complete));
  add('filters', filterProblem(complete.criteria) ?? filterProblem(complete.exclusions));
  const unknown = unknownKeys(query);
  add('keys', unknown.length > 0 ? `This query has keys that are not known here: ${unknown.join(', ')}.` : undefined);
  return problems;
}

function queueProblem(enabled: boolean): string | undefined {
  return enabled ? undefined : "Reading the queue is switched off in the data source's settings.";
}

export function unknownKeys(query: AuditLogQuery): string[] {
  return Object.keys(query).filter((key) => ![...QUERY_KEYS, ...BROWSER_KEYS, ...GRAFANA_KEYS].includes(key));
}

/** The query as this data source knows it. Keys that nobody knows stay: the backend names them. */
export function withoutGrafanaKeys(query: AuditLogQuery): AuditLogQuery {
  return Object.fromEntries(Object.entries(query).filter(([key]) => !GRAFANA_KEYS.includes(key))) as AuditLogQuery;
}

export function limitProblem(limit: unknown, max: number): string | undefined {
  const valid = typeof limit === 'number' && Number.isInteger(limit) && limit >= 1 && limit <= max;
  return valid ? undefined : `Enter a whole number from 1 to ${max.toLocaleString('en-US')}.`;
}

/** The number that a text of digits stands for; NaN for any other text. */
export function parseCount(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

/** A baseline is a whole number and a unit: minutes, hours, days or weeks, up to 90 days. */
export function baselineProblem(baseline: string): string | undefined {
  const [, count, unit] = /^(\d+)([mhdw])$/.exec(baseline) ?? [];
  const days = Number(count) * ({ m: 1 / 1440, h: 1 / 24, d: 1, w: 7 }[unit] ?? NaN);
  return days > 0 && days <= 90 ? undefined : 'Enter a time such as 12h, 30d or 4w, up to 90d.';
}

const AFTER_SHAPES = ['count', 'series', 'top'];
const MOST_AFTER = 10_000;

/** The number of earlier events that are asked for. */
export function atLeastProblem(atLeast: unknown): string | undefined {
  return limitProblem(atLeast, MOST_AFTER);
}

function afterProblem({ after, queryType, groupBy }: CompleteQuery): string | undefined {
  if (after === undefined) {
    return undefined;
  }
  if (typeof after !== 'object' || Array.isArray(after)) {
    return 'after says which events come before, such as {"criteria":{"outcome":["failure"]},"atLeast":5}.';
  }
  const { criteria = {}, exclusions = {}, atLeast = 1, ...others } = after;
  const fields = [criteria, exclusions].flatMap(Object.entries).flatMap(([field, value]) => (Array.isArray(value) && value.length === 0 ? [] : [field]));
  const grouped = groupBy.filter((field) => fields.includes(field));
  if (!AFTER_SHAPES.includes(queryType) || groupBy.length === 0) {
    return 'Earlier events are looked for group by group: show a count, a top list or counts over time, and group by at least one field.';
  }
  if (Object.keys(others).length > 0) {
    return `after has keys that are not known here: ${Object.keys(others).join(', ')}.`;
  }
  if (fields.length === 0) {
    return 'Choose what the earlier events are, such as the outcome failure.';
  }
  const vague = fields.filter((field) => field === 'description' || field === 'request_url');
  if (vague.length > 0) {
    return `Earlier events cannot be told apart by ${vague.join(', ')}, which only Carbon Black Cloud can match.`;
  }
  if (grouped.length > 0) {
    return `Earlier events cannot differ in ${grouped.join(', ')}, by which the query groups.`;
  }
  return atLeastProblem(atLeast) ?? filterProblem(criteria) ?? filterProblem(exclusions);
}

function groupByProblem(groupBy: string[]): string | undefined {
  const unknown = groupBy.filter((name) => !isFlagField(name) && !isListField(name));
  return unknown.length > 0 ? `Cannot group by ${unknown.join(', ')}. Choose from ${FIELD_NAMES.join(', ')}.` : undefined;
}

function filterProblem(filters: Filters): string | undefined {
  for (const [field, value] of Object.entries(filters)) {
    if (!isFlagField(field) && !isListField(field)) {
      return `"${field}" is not a field. Choose from ${FIELD_NAMES.join(', ')}.`;
    }
    if (isFlagField(field) && typeof value !== 'boolean') {
      return `${field} is either yes or no.`;
    }
    if (isListField(field) && !Array.isArray(value)) {
      return `${field} needs a list of values.`;
    }
  }
  return undefined;
}
