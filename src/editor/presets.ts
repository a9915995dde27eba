import { presetStrings as texts } from '../strings/help';
import type { AuditLogQuery, QueryType } from '../types';

interface Preset {
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
