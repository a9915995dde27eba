import type { ScopedVars } from '@grafana/data';
import { isFlagField } from '../query/fields';
import type { Side } from '../query/filterRows';
import { queryProblems } from '../strings/query';
import type { AuditLogQuery, Filters } from '../types';
import { capture, fill, TooManyCombinations, type Templates } from './capture';
import { fillLucene, interpolateLucene } from './lucene';

/** Returns the query with its variables filled in and without empty criteria. Throws TooManyCombinations. */
export function interpolateQuery(query: AuditLogQuery, templates: Templates, scopedVars?: ScopedVars): AuditLogQuery {
  const { query: lucene, criteria, exclusions, ...result } = query;
  return {
    ...result,
    ...(lucene !== undefined && { query: interpolateText(lucene, templates, scopedVars) }),
    ...interpolateSide('criteria', criteria, templates, scopedVars),
    ...interpolateSide('exclusions', exclusions, templates, scopedVars),
  };
}

/** Describes why the variables of a query cannot be filled in; nothing when they can. */
export function variableProblem(query: AuditLogQuery, templates: Templates, scopedVars?: ScopedVars): string | undefined {
  try {
    interpolateQuery(query, templates, scopedVars);
    return query.variableError;
  } catch (error) {
    if (error instanceof TooManyCombinations) {
      return error.message;
    }
    throw error;
  }
}

/** Describes what a filled-in query leaves out although a variable is at All; nothing when it leaves out nothing. */
export function variableWarning({ query }: AuditLogQuery, templates: Templates, scopedVars?: ScopedVars): string | undefined {
  const { listed } = typeof query === 'string' ? fillLucene(query, templates, scopedVars) : { listed: [] };
  if (listed.length === 0) {
    return undefined;
  }
  return queryProblems.listedAll(listed.map((name) => `$${name}`).join(', '));
}

/**
 * Returns a query that leaves its dashboard, with its variables filled in. One whose variables cannot be filled in keeps them
 * and carries the reason, so that Explore opens and can show it; such a query is never sent.
 */
export function leaveDashboard(query: AuditLogQuery, templates: Templates, scopedVars?: ScopedVars): AuditLogQuery {
  const variableError = variableProblem(query, templates, scopedVars);
  return variableError ? { ...query, variableError } : interpolateQuery(query, templates, scopedVars);
}

// A value of a wrong type stays, so that the backend names it.
function interpolateText(text: string, templates: Templates, scopedVars?: ScopedVars): string {
  return typeof text === 'string' ? interpolateLucene(text, templates, scopedVars) : text;
}

function interpolateSide(side: Side, filters: Filters | undefined, templates: Templates, scopedVars?: ScopedVars): Pick<AuditLogQuery, Side> {
  if (typeof filters !== 'object' || filters === null || Array.isArray(filters)) {
    return filters === undefined ? {} : { [side]: filters };
  }
  const interpolated = interpolateFilters(filters, templates, scopedVars);
  return Object.keys(interpolated).length > 0 ? { [side]: interpolated } : {};
}

function interpolateFilters(filters: Filters, templates: Templates, scopedVars?: ScopedVars): Filters {
  const kept: [string, unknown][] = [];
  for (const [field, value] of Object.entries(filters)) {
    if (isFlagField(field) || !Array.isArray(value)) {
      kept.push([field, value]);
      continue;
    }
    const values = interpolateValues(value, templates, scopedVars);
    if (values.length > 0) {
      kept.push([field, values]);
    }
  }
  return Object.fromEntries(kept);
}

// An empty text box means no condition, so a variable needs other ways to ask for empty values. The dashboards show an empty value
// as (none), and their links pass on what they show.
const EMPTY_VALUES = ['(none)', '""'];

/**
 * Returns the values of one field with each variable replaced by its values. An empty result means "no condition", as for a
 * variable at All or an empty text box.
 */
export function interpolateValues(values: unknown[], templates: Templates, scopedVars?: ScopedVars): unknown[] {
  const result = new Set<unknown>();
  for (const value of values) {
    if (typeof value !== 'string') {
      result.add(value);
      continue;
    }
    const { text, references, customAll } = capture(value, templates, scopedVars);
    if (customAll || references.some(({ all }) => all)) {
      return [];
    }
    const expanded = fill(text, references, (item) => item);
    const wanted = expanded.filter((item) => item !== '' || references.length === 0);
    wanted.forEach((item) => result.add(references.length > 0 && EMPTY_VALUES.includes(item) ? '' : item));
  }
  return [...result];
}
