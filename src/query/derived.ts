import type { AuditLogQuery, FilterField, ListField } from '../types';
import { segments } from '../variables/lucene';
import { conjunction, isNegation, trim } from '../variables/luceneAll';
import { isFlagField } from './fields';
import { exclude, narrow, narrowFlag } from './filters';

/** The fields that this plugin derives: Carbon Black Cloud cannot search them. */
export const DERIVED_FIELDS: ListField[] = ['account', 'address', 'category', 'action', 'outcome', 'severity', 'code', 'target', 'target_type'];

// The fields whose conditions filters can take over without a change of meaning. How Carbon Black Cloud compares the values of the
// others is not documented.
const MOVABLE_FIELDS: FilterField[] = [...DERIVED_FIELDS, 'flagged', 'verbose'];

/**
 * Moves the conditions on derived fields, and `flagged:true` and `verbose:true`, from the Lucene query to the filters. It returns
 * nothing where that could change the meaning: outside a plain conjunction, with wildcards or variables, or where only negations
 * would be left.
 */
export function moveToFilters(query: AuditLogQuery): AuditLogQuery | undefined {
  const parts = conjunction(segments(query.query ?? '')) ?? [];
  // A query of negations alone may find nothing, so a flag that is negated moves only from beside a condition.
  const hasCondition = parts.some((part) => !isDerived(part) && !isNegation(part));
  const moves = (part: string[]) => isDerived(part) || (isFlag(part) && (hasCondition || !isNegation(part)));
  const moving = parts.filter(moves);
  const kept = parts.filter((part) => !moves(part));
  if (moving.length === 0 || (kept.length > 0 && kept.every(isNegation) && !parts.every(isNegation))) {
    return undefined;
  }
  const moved = moving.reduce<AuditLogQuery | undefined>((result, part) => result && addPart(result, part), query);
  return moved && { ...moved, query: kept.map((part) => part.join('')).join(' AND ') };
}

function addPart(query: AuditLogQuery, part: string[]): AuditLogQuery | undefined {
  const field = fieldOf(part);
  const values = valuesOf(conditionOf(part).slice(2));
  if (!field || !values) {
    return undefined;
  }
  if (isFlagField(field)) {
    return narrowFlag(query, field, !isNegation(part));
  }
  return isNegation(part) ? exclude(query, field, values) : narrow(query, field, values);
}

function conditionOf(part: string[]): string[] {
  return isNegation(part) ? trim(part.slice(1)) : part;
}

function fieldOf(part: string[]): FilterField | undefined {
  const [field, colon] = conditionOf(part);
  return colon === ':' ? MOVABLE_FIELDS.find((name) => name === field) : undefined;
}

function isDerived(part: string[]): boolean {
  return DERIVED_FIELDS.some((field) => field === fieldOf(part));
}

/** Reports whether a part is `flagged:true` or `verbose:true`. Whether Carbon Black Cloud stores a flag that is false is not known. */
function isFlag(part: string[]): boolean {
  return isFlagField(fieldOf(part) ?? '') && conditionOf(part).slice(2).join('') === 'true';
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
