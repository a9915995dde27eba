import { sentenceStrings as texts } from '../strings/query';
import type { After, AuditLogQuery, Filters } from '../types';
import { type CompleteQuery, isPluginQuery, withDefaults } from './defaults';
import { ALL_FIELDS, isFlagField } from './fields';

/** Describes a query in one sentence, for example "Number of events by account where outcome is failure, at most 20 groups". */
export function displayText(query: AuditLogQuery, maxEvents?: number): string {
  const complete = withDefaults(query, maxEvents);
  const { queryType, groupBy, source, limit, fold, after } = complete;
  if (isPluginQuery(queryType)) {
    return texts.plugin[queryType];
  }
  const conditions = conditionsText(query);
  const parts = [
    subjectOf(complete),
    conditions && texts.where(conditions),
    after && afterText(after),
    fold && texts.folded,
    source === 'queue' && texts.fromQueue,
  ];
  const hasGroups = groupBy.length > 0 && ['count', 'series', 'firstSeen'].includes(queryType);
  return parts.filter(Boolean).join(' ') + (hasGroups ? texts.atMost(limit) : '');
}

function subjectOf({ queryType, groupBy, limit, sort, baseline }: CompleteQuery): string {
  const groups = groupBy.map(labelOf).join(' and ');
  switch (queryType) {
    case 'events':
      return sort === 'asc' ? texts.oldest(limit) : texts.newest(limit);
    case 'count':
      return texts.count(groups);
    case 'series':
      return texts.series(groups);
    case 'top':
      return groups ? texts.top(limit, groups) : texts.count('');
    case 'firstSeen':
      return texts.firstSeen(groups, baseline);
    default:
      return texts.unknown(queryType);
  }
}

function afterText({ atLeast = 1, criteria, exclusions }: After): string {
  return texts.after(atLeast, [...filterTexts(criteria ?? {}, 'is'), ...filterTexts(exclusions ?? {}, 'is not')].join(' and '));
}

/** Describes the conditions of a query, for example "login and outcome is failure"; empty when every event matches. */
export function conditionsText(query: AuditLogQuery): string {
  const { query: lucene, criteria, exclusions } = withDefaults(query);
  return [lucene.trim(), ...filterTexts(criteria, 'is'), ...filterTexts(exclusions, 'is not')].filter(Boolean).join(' and ');
}

function filterTexts(filters: Filters, verb: string): string[] {
  return Object.entries(filters).flatMap(([field, value]) => {
    if (isFlagField(field)) {
      const wanted = (verb === 'is') === (value === true);
      return [`${wanted ? '' : 'not '}${labelOf(field)}`];
    }
    const values = (Array.isArray(value) ? value : [value]).map((item) => item || texts.none);
    return values.length > 0 ? [`${labelOf(field)} ${verb} ${values.join(' or ')}`] : [];
  });
}

function labelOf(field: string): string {
  const label = ALL_FIELDS[field as keyof typeof ALL_FIELDS]?.label;
  return label ? label.charAt(0).toLowerCase() + label.slice(1) : field;
}
