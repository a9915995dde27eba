import { queryProblems } from '../strings/query';
import type { AuditLogQuery, Filters } from '../types';
import { isPluginQuery, withDefaults, type CompleteQuery } from './defaults';
import { FIELD_NAMES, isFlagField, isListField } from './fields';
import { isBrokenNetwork } from './networks';

/** The control of the editor that a problem belongs to. */
export type ProblemKey = 'queryType' | 'source' | 'lucene' | 'format' | 'sort' | 'line' | 'limit' | 'groupBy' | 'baseline' | 'fold' | 'after' | 'filters' | 'keys';

/** What is wrong with a query. */
export interface Problem {
  at: ProblemKey;
  message: string;
}

/** What the settings of the data source allow. */
export interface Abilities {
  maxEvents: number;
  queueEnabled: boolean;
}

export const CHOICES: [ProblemKey, 'queryType' | 'source' | 'format' | 'sort', readonly string[]][] = [
  ['queryType', 'queryType', ['events', 'count', 'series', 'top', 'firstSeen', 'status', 'callers']],
  ['source', 'source', ['search', 'queue']],
  ['format', 'format', ['logs', 'table']],
  ['sort', 'sort', ['desc', 'asc']],
];

export const QUERY_KEYS = 'refId schemaVersion queryType source format query criteria exclusions groupBy limit sort baseline fold line after'.split(' ');
// Set by this plugin in the browser; a query that has it is never sent.
const BROWSER_KEYS = ['variableError'];
// What Grafana itself adds to a query. Its alert rule editor writes instant and range into every query.
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
    const offered = allowed.filter((choice) => !isPluginQuery(choice));
    add(at, allowed.includes(value) ? undefined : queryProblems.unknownChoice(value, offered));
  }
  add('line', [undefined, 'description'].includes(complete.line) ? undefined : queryProblems.line);
  if (complete.source === 'queue') {
    add('source', abilities.queueEnabled ? undefined : queryProblems.queueDisabled);
    add('lucene', complete.query === '' ? undefined : queryProblems.luceneOnQueue);
  }
  // A stored limit may be higher than the data source allows by now. It is reduced, which is no problem.
  add('limit', limitProblem(complete.limit, Infinity) && limitProblem(complete.limit, abilities.maxEvents));
  add('groupBy', groupByProblem(complete.groupBy));
  if (complete.queryType === 'firstSeen') {
    add('groupBy', complete.groupBy.length === 0 ? queryProblems.groupByMissing : undefined);
    add('baseline', baselineProblem(complete.baseline));
  }
  add('fold', typeof complete.fold === 'boolean' ? undefined : queryProblems.fold);
  add('after', afterProblem(complete));
  add('filters', filterProblem(complete.criteria) ?? filterProblem(complete.exclusions));
  const unknown = unknownKeys(query);
  add('keys', unknown.length > 0 ? queryProblems.unknownKeys(unknown) : undefined);
  return problems;
}

export function unknownKeys(query: AuditLogQuery): string[] {
  return Object.keys(query).filter((key) => ![...QUERY_KEYS, ...BROWSER_KEYS, ...GRAFANA_KEYS].includes(key));
}

/** Returns the query without the keys that Grafana added. Unknown keys stay, so that the backend names them. */
export function withoutGrafanaKeys(query: AuditLogQuery): AuditLogQuery {
  return Object.fromEntries(Object.entries(query).filter(([key]) => !GRAFANA_KEYS.includes(key))) as AuditLogQuery;
}

export function limitProblem(limit: unknown, max: number): string | undefined {
  const valid = typeof limit === 'number' && Number.isInteger(limit) && limit >= 1 && limit <= max;
  return valid ? undefined : queryProblems.count(max);
}

/** Returns the number that a string of digits stands for; NaN for any other string. */
export function parseCount(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

/** A baseline is a whole number and a unit (minutes, hours, days or weeks), up to 90 days. */
export function baselineProblem(baseline: string): string | undefined {
  const [, count, unit] = /^(\d+)([mhdw])$/.exec(baseline) ?? [];
  const days = Number(count) * ({ m: 1 / 1440, h: 1 / 24, d: 1, w: 7 }[unit] ?? NaN);
  return days > 0 && days <= 90 ? undefined : queryProblems.baseline;
}

const AFTER_TYPES = ['count', 'series', 'top'];
const MAX_AT_LEAST = 10_000;

/** Describes what is wrong with the required number of earlier events. */
export function atLeastProblem(atLeast: unknown): string | undefined {
  return limitProblem(atLeast, MAX_AT_LEAST);
}

function afterProblem({ after, queryType, groupBy }: CompleteQuery): string | undefined {
  if (after === undefined) {
    return undefined;
  }
  if (typeof after !== 'object' || Array.isArray(after)) {
    return queryProblems.afterShape;
  }
  const { criteria = {}, exclusions = {}, atLeast = 1, ...others } = after;
  const fields = [criteria, exclusions].flatMap(Object.entries).flatMap(([field, value]) => (Array.isArray(value) && value.length === 0 ? [] : [field]));
  const grouped = groupBy.filter((field) => fields.includes(field));
  if (!AFTER_TYPES.includes(queryType) || groupBy.length === 0) {
    return queryProblems.afterGroups;
  }
  if (Object.keys(others).length > 0) {
    return queryProblems.afterKeys(Object.keys(others));
  }
  if (fields.length === 0) {
    return queryProblems.afterEmpty;
  }
  const serverOnly = fields.filter((field) => field === 'description' || field === 'request_url');
  if (serverOnly.length > 0) {
    return queryProblems.afterServerFields(serverOnly);
  }
  if (grouped.length > 0) {
    return queryProblems.afterGrouped(grouped);
  }
  return atLeastProblem(atLeast) ?? filterProblem(criteria) ?? filterProblem(exclusions);
}

function groupByProblem(groupBy: string[]): string | undefined {
  const unknown = groupBy.filter((name) => !isFlagField(name) && !isListField(name));
  return unknown.length > 0 ? queryProblems.unknownGroups(unknown, FIELD_NAMES) : undefined;
}

function filterProblem(filters: Filters): string | undefined {
  for (const [field, value] of Object.entries(filters)) {
    if (!isFlagField(field) && !isListField(field)) {
      return queryProblems.unknownField(field, FIELD_NAMES);
    }
    if (isFlagField(field) && typeof value !== 'boolean') {
      return queryProblems.flagValue(field);
    }
    if (isListField(field) && !Array.isArray(value)) {
      return queryProblems.listValue(field);
    }
    const broken = field === 'address' && Array.isArray(value) ? value.find(isBrokenNetwork) : undefined;
    if (broken) {
      return queryProblems.network(broken);
    }
  }
  return undefined;
}
