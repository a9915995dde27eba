import type { AuditLogQuery, ListField } from '../types';
import { segments } from '../variables/lucene';
import { conjunction, isNegation, trim } from '../variables/luceneAll';
import { exclude, narrow } from './filters';

/** The fields that this plugin derives: Carbon Black Cloud cannot search them. */
export const DERIVED_FIELDS: ListField[] = ['account', 'address', 'category', 'action', 'outcome', 'severity', 'code', 'target', 'target_type'];

/**
 * Moves the conditions on derived fields from the Lucene query to the filters. It returns nothing where that could change the
 * meaning: outside a plain conjunction, with wildcards or variables, or where only negations would be left.
 */
export function moveToFilters(query: AuditLogQuery): AuditLogQuery | undefined {
  const parts = conjunction(segments(query.query ?? ''));
  const derived = parts?.filter((part) => fieldOf(part) !== undefined) ?? [];
  const kept = parts?.filter((part) => fieldOf(part) === undefined) ?? [];
  if (derived.length === 0 || (kept.length > 0 && kept.every(isNegation) && !derived.every(isNegation))) {
    return undefined;
  }
  const moved = derived.reduce<AuditLogQuery | undefined>((result, part) => result && addPart(result, part), query);
  return moved && { ...moved, query: kept.map((part) => part.join('')).join(' AND ') };
}

function addPart(query: AuditLogQuery, part: string[]): AuditLogQuery | undefined {
  const field = fieldOf(part);
  const values = valuesOf(conditionOf(part).slice(2));
  if (!field || !values) {
    return undefined;
  }
  return isNegation(part) ? exclude(query, field, values) : narrow(query, field, values);
}

function conditionOf(part: string[]): string[] {
  return isNegation(part) ? trim(part.slice(1)) : part;
}

function fieldOf(part: string[]): ListField | undefined {
  const [field, colon] = conditionOf(part);
  return colon === ':' ? DERIVED_FIELDS.find((name) => name === field) : undefined;
}

/** Returns the values of `value` or `(one OR "another one")`; nothing for anything else. */
function valuesOf(segments: string[]): string[] | undefined {
  const [first, ...rest] = segments;
  const list = first === '(' && rest.at(-1) === ')' ? rest.slice(0, -1).filter((segment) => segment.trim() !== '') : segments;
  const isList = list.every((segment, index) => (index % 2 === 1) === (segment === 'OR' || segment === '||'));
  const values = list.filter((_, index) => index % 2 === 0).map(valueOf);
  return isList && list.length % 2 === 1 && values.every((value) => value !== undefined) ? values : undefined;
}

function valueOf(segment: string): string | undefined {
  const phrase = /^"((?:\\[^]|[^"\\])*)"$/.exec(segment);
  const isPlain = phrase ? !segment.includes('$') : /^(?:\\[^]|[^\s"():[\]{}^~\\*?$])+$/.test(segment);
  return isPlain ? (phrase?.[1] ?? segment).replace(/\\([^])/g, '$1') : undefined;
}
