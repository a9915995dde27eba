import type { AuditLogQuery, QueryShape } from '../types';

interface Preset {
  title: string;
  description: string;
  query: Omit<AuditLogQuery, 'refId' | 'queryType'> & { queryType: QueryShape };
}

export const PRESETS: Preset[] = [
  {
    title: 'Failed logins',
    description: 'The newest failed log-in attempts.',
    query: { queryType: 'events', criteria: { category: ['authentication'], outcome: ['failure'] } },
  },
  {
    title: 'Failed logins by actor and address',
    description: 'Who fails most often, and from where.',
    query: { queryType: 'top', criteria: { category: ['authentication'], outcome: ['failure'] }, groupBy: ['actor', 'actor_ip'], limit: 20 },
  },
  {
    title: 'Log-ins over time',
    description: 'Successes and failures, side by side.',
    query: { queryType: 'series', criteria: { category: ['authentication'] }, groupBy: ['outcome'], limit: 10 },
  },
  {
    title: 'Log-in from a new address',
    description: 'Pairs of actor and address that did not occur in the last 30 days.',
    query: {
      queryType: 'firstSeen',
      criteria: { category: ['authentication'], outcome: ['success'] },
      groupBy: ['actor', 'actor_ip'],
      baseline: '30d',
    },
  },
  {
    title: 'Something an actor never did',
    description: 'Pairs of actor and action that did not occur in the last 90 days.',
    query: { queryType: 'firstSeen', exclusions: { category: ['authentication'] }, groupBy: ['actor', 'action'], baseline: '90d' },
  },
  {
    title: 'Policy changes',
    description: 'Who changed which policy, one row for each edit.',
    query: { queryType: 'events', format: 'table', criteria: { category: ['policy'] }, fold: true },
  },
  {
    title: 'API keys and connectors',
    description: 'Keys that were added, changed or whose secret was read.',
    query: { queryType: 'events', query: 'description:("API ID" OR connector) AND NOT description:"logged in"' },
  },
  {
    title: 'Flagged events by actor',
    description: 'One number an actor: what Carbon Black Cloud itself marked.',
    query: { queryType: 'count', criteria: { flagged: true }, groupBy: ['actor'], limit: 50 },
  },
  {
    title: 'Everything but vendor staff',
    description: 'All events, without those of VMware employees.',
    query: { queryType: 'events', exclusions: { actor: ['VMware employee'] } },
  },
];
