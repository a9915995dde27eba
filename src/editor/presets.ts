import { presetStrings as texts } from '../strings/help';
import type { AuditLogQuery, QueryType } from '../types';
import { OFFERED_IN_RULES } from './choices';

export interface Preset {
  title: string;
  description: string;
  query: Omit<AuditLogQuery, 'refId' | 'queryType'> & { queryType: QueryType };
}

export const PRESETS: Preset[] = [
  {
    ...texts.failedLogins,
    query: { queryType: 'events', criteria: { category: ['authentication'], outcome: ['failure'] } },
  },
  {
    ...texts.failedLoginsByActor,
    query: { queryType: 'top', criteria: { category: ['authentication'], outcome: ['failure'] }, groupBy: ['account', 'address'], limit: 20 },
  },
  {
    ...texts.loginsOverTime,
    query: { queryType: 'series', criteria: { category: ['authentication'] }, groupBy: ['outcome'], limit: 10 },
  },
  {
    ...texts.newAddress,
    query: {
      queryType: 'firstSeen',
      criteria: { category: ['authentication'], outcome: ['success'] },
      groupBy: ['account', 'address'],
      baseline: '30d',
    },
  },
  {
    ...texts.newAction,
    query: { queryType: 'firstSeen', exclusions: { category: ['authentication'] }, groupBy: ['account', 'action'], baseline: '90d' },
  },
  {
    ...texts.policyChanges,
    query: { queryType: 'events', format: 'table', criteria: { category: ['policy'] }, fold: true },
  },
  {
    ...texts.apiKeys,
    query: { queryType: 'events', query: 'description:("API ID" OR connector) AND NOT description:"logged in"' },
  },
  {
    ...texts.flaggedByActor,
    query: { queryType: 'count', criteria: { flagged: true }, groupBy: ['account'], limit: 50 },
  },
  {
    ...texts.withoutVendor,
    query: { queryType: 'events', exclusions: { actor: ['VMware employee'] } },
  },
];

/** Returns the presets that fit an alert rule, or all of them elsewhere. */
export function presetsFor(forAlert: boolean): Preset[] {
  return PRESETS.filter(({ query }) => !forAlert || OFFERED_IN_RULES.includes(query.queryType));
}

/** Returns the change that turns a query into a preset: what the preset does not name has its default. */
export function presetChange({ query }: Preset): Partial<AuditLogQuery> {
  const unset = Object.fromEntries(['query', 'criteria', 'exclusions', 'groupBy', 'limit', 'sort', 'format', 'baseline', 'fold', 'after'].map((key) => [key, undefined]));
  // The queue does not know Lucene.
  return { ...unset, ...(query.query && { source: 'search' }), ...query };
}
