import { sentenceStrings as texts } from '../strings/query';
import type { After, AuditLogQuery, Filters } from '../types';
import { isPluginQuery, withDefaults } from './defaults';
import { ALL_FIELDS, isFlagField } from './fields';

/** Describes a query in one sentence, for example "Count of events by actor where outcome is failure (at most 500)". */
export function displayText(query: AuditLogQuery, maxEvents?: number): string {
  const { queryType, groupBy, source, limit, sort, baseline, fold, after } = withDefaults(query, maxEvents);
  const subject = texts.subjects[queryType] ?? texts.unknown(queryType);
  if (isPluginQuery(queryType)) {
    return subject;
  }
  const conditions = conditionsText(query);
  const order = sort === 'asc' ? texts.oldest(limit) : texts.newest(limit);
  const parts = [
    subject,
    groupBy.length > 0 && queryType !== 'events' && texts.by(groupBy.map(labelOf).join(', ')),
    conditions && texts.where(conditions),
    after && afterText(after),
    queryType === 'firstSeen' && texts.notSeen(baseline),
    fold && texts.folded,
    source === 'queue' && texts.fromQueue,
    queryType === 'events' ? order : texts.atMost(limit),
  ];
  return parts.filter(Boolean).join(' ');
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
    const values = Array.isArray(value) ? value : [value];
    return values.length > 0 ? [`${labelOf(field)} ${verb} ${values.join(' or ')}`] : [];
  });
}

function labelOf(field: string): string {
  const label = ALL_FIELDS[field as keyof typeof ALL_FIELDS]?.label;
  return label ? label.charAt(0).toLowerCase() + label.slice(1) : field;
}
