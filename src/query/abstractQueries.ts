import { type AbstractLabelMatcher, AbstractLabelOperator, type AbstractQuery } from '@grafana/data';
import type { AuditLogQuery, Filters } from '../types';
import { SCHEMA_VERSION } from './defaults';
import { isFlagField, isListField } from './fields';
import { exclude, narrow, narrowFlag, toFlag } from './filters';

/** What of a query of another data source can be kept. */
export interface Imported {
  query: AuditLogQuery;
  /** The matchers that could not be kept. */
  dropped: string[];
}

const { Equal, NotEqual, EqualRegEx, NotEqualRegEx } = AbstractLabelOperator;
const INCLUDING: AbstractLabelOperator[] = [Equal, EqualRegEx];
const REGEX: AbstractLabelOperator[] = [EqualRegEx, NotEqualRegEx];
const SIGNS: Record<AbstractLabelOperator, string> = { [Equal]: '=', [NotEqual]: '!=', [EqualRegEx]: '=~', [NotEqualRegEx]: '!~' };

/** Turns a query of another data source into a list of events. Matchers of unknown labels, and regular expressions, are dropped. */
export function importQuery({ refId, labelMatchers }: AbstractQuery): Imported {
  const start: Imported = { query: { refId, schemaVersion: SCHEMA_VERSION, queryType: 'events' }, dropped: [] };
  return labelMatchers.reduce<Imported>(({ query, dropped }, matcher) => {
    const changed = addMatcher(query, matcher);
    return changed ? { query: changed, dropped } : { query, dropped: [...dropped, `${matcher.name}${SIGNS[matcher.operator]}"${matcher.value}"`] };
  }, start);
}

function addMatcher(query: AuditLogQuery, { name, operator, value }: AbstractLabelMatcher): AuditLogQuery | undefined {
  const values = REGEX.includes(operator) ? alternatives(value) : [value];
  const isWanted = INCLUDING.includes(operator);
  if (values && isListField(name)) {
    return isWanted ? narrow(query, name, values) : exclude(query, name, values);
  }
  const isFlag = isFlagField(name) && ['true', 'false'].includes(value) && !REGEX.includes(operator);
  return isFlag ? narrowFlag(query, name, toFlag(value) === isWanted) : undefined;
}

/** Returns the values of a regular expression that only lists them, such as a|b. */
function alternatives(pattern: string): string[] | undefined {
  const values = pattern.replace(/^\((.*)\)$/, '$1').split('|');
  return values.every((value) => /^[\w @:/-]+$/.test(value)) ? values : undefined;
}

/** Returns the filters of a query as matchers of labels. Lucene has no counterpart and is left out. */
export function exportQuery({ refId, criteria, exclusions }: AuditLogQuery): AbstractQuery {
  return { refId, labelMatchers: [...matchersOf(criteria, Equal, EqualRegEx), ...matchersOf(exclusions, NotEqual, NotEqualRegEx)] };
}

function matchersOf(filters: Filters = {}, one: AbstractLabelOperator, many: AbstractLabelOperator): AbstractLabelMatcher[] {
  return Object.entries(filters).flatMap(([name, value]) => {
    const values = Array.isArray(value) ? value : [String(value)];
    if (values.length < 2) {
      return values.map((single) => ({ name, operator: one, value: single }));
    }
    return [{ name, operator: many, value: values.map(escapeRegex).join('|') }];
  });
}

function escapeRegex(value: string): string {
  return value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
