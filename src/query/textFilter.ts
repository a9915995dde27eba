import type { QueryFixAction } from '@grafana/data';
import type { AuditLogQuery } from '../types';
import { isListField } from './fields';
import { hasFilter, toggleFilterFor, toggleFilterOut } from './filters';

/** The changes that Explore may make to a query, for labels and for text that somebody selects in a log line. */
export const MODIFICATIONS = ['ADD_FILTER', 'ADD_FILTER_OUT', 'ADD_STRING_FILTER', 'ADD_STRING_FILTER_OUT'];

// A selection may begin with what Grafana draws in front of a line: its time and its level.
const DRAWN = /^(?:\d{4}-\d\d-\d\d[ T][\d:.]+Z?\s*)?(?:(?:CRIT|CRITICAL|ERROR|WARN|WARNING|INFO)\s+)?/;
// A log line is `account (address): description`; both parts before the description may be missing.
const WHO = /^[^:]*?\([^()]*\): |^\S+: /;

/** Makes a change that Explore requests. Text becomes a filter of the description; the Lucene query is never edited. */
export function modifyQuery(query: AuditLogQuery, { type, options = {} }: QueryFixAction): AuditLogQuery {
  const { key = '', value = '' } = options;
  const text = value.trim().replace(DRAWN, '').replace(WHO, '').replace(/\s+/g, ' ');
  switch (type) {
    case 'ADD_FILTER':
      return filterFor(query, key, value);
    case 'ADD_FILTER_OUT':
      return filterOut(query, key, value);
    case 'ADD_STRING_FILTER':
      return text ? filterFor(query, 'description', text) : query;
    case 'ADD_STRING_FILTER_OUT':
      return text ? filterOut(query, 'description', text) : query;
    default:
      return query;
  }
}

function filterFor(query: AuditLogQuery, field: string, value: string): AuditLogQuery {
  return hasFilter(query, field, value) ? query : toggleFilterFor(query, field, value);
}

function filterOut(query: AuditLogQuery, field: string, value: string): AuditLogQuery {
  const isExcluded = isListField(field) && query.exclusions?.[field]?.includes(value);
  return isExcluded ? query : toggleFilterOut(query, field, value);
}
