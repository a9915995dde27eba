import type { After, AuditLogQuery, Filters } from '../types';
import { isOwnShape, withDefaults } from './defaults';
import { ALL_FIELDS, isFlagField } from './fields';

const SUBJECTS: Record<string, string> = {
  events: 'Events',
  count: 'Count of events',
  series: 'Events over time',
  top: 'Top list of events',
  firstSeen: 'First seen',
  status: 'Plugin status',
  callers: 'Who spends the requests',
};

/** One sentence for the query history, for example "Count of events by actor where outcome is failure". */
export function displayText(query: AuditLogQuery, maxEvents?: number): string {
  const { queryType, groupBy, source, limit, sort, baseline, fold, after } = withDefaults(query, maxEvents);
  const parts = [SUBJECTS[queryType] ?? `Unknown shape "${queryType}"`];
  if (isOwnShape(queryType)) {
    return parts[0];
  }
  if (groupBy.length > 0 && queryType !== 'events') {
    parts.push(`by ${groupBy.map(labelOf).join(', ')}`);
  }
  const conditions = conditionsText(query);
  if (conditions) {
    parts.push(`where ${conditions}`);
  }
  if (after) {
    parts.push(afterText(after));
  }
  if (queryType === 'firstSeen') {
    parts.push(`not seen in the last ${baseline}`);
  }
  if (fold) {
    parts.push('with policy edits folded');
  }
  if (source === 'queue') {
    parts.push('from the queue');
  }
  const order = queryType === 'events' ? `${sort === 'asc' ? 'oldest' : 'newest'} ` : 'at most ';
  return `${parts.join(' ')} (${order}${limit})`;
}

/** For example "after at least 5 earlier ones where outcome is failure". */
export function afterText({ atLeast = 1, criteria, exclusions }: After): string {
  const others = [...filterTexts(criteria ?? {}, 'is'), ...filterTexts(exclusions ?? {}, 'is not')].join(' and ');
  return `after at least ${atLeast} earlier ${atLeast === 1 ? 'one' : 'ones'} of the same group${others && ` where ${others}`}`;
}

/** What events must meet, for example "login and outcome is failure"; empty when every event does. */
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
