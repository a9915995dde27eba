import { queryProblems } from '../strings/query';
import type { AuditLogQuery } from '../types';
import { findProblems, withoutGrafanaKeys } from './problems';

const problems = (query: object, abilities = { maxEvents: 1000, queueEnabled: true }) =>
  findProblems({ refId: 'A', ...query } as AuditLogQuery, abilities);

test.each([
  ['nothing but a refId', {}],
  ['all of Grafana’s own keys', { datasource: { uid: 'x' }, hide: false, key: 'Q-1', intervalMs: 1, maxDataPoints: 2, datasourceId: 3, instant: false, range: true }],
  ['nulls mean the default', { queryType: null, limit: null, groupBy: null, criteria: null, fold: null }],
  ['folded policy edits', { queryType: 'count', fold: true }],
  ['a full query', { schemaVersion: 1, queryType: 'firstSeen', source: 'search', groupBy: ['actor'], baseline: '90d', limit: 1000, sort: 'asc' }],
  ['numbers about the plugin itself', { queryType: 'status' }],
  ['requests by caller', { queryType: 'callers' }],
  ['events after others', { queryType: 'top', groupBy: ['actor'], after: { criteria: { outcome: ['failure'] }, atLeast: 3 } }],
  ['a limit above what the data source allows by now', { limit: 1001 }],
  ['a queue query without text', { source: 'queue', criteria: { flagged: false, actor: [] } }],
])('%s: no problem', (_, query) => {
  expect(problems(query)).toEqual([]);
});

test.each([
  ['an unknown shape', { queryType: 'pie' }, 'queryType', '"pie"'],
  ['an unknown source', { source: 'cache' }, 'source', 'search, queue'],
  ['an unknown format', { format: 'xml' }, 'format', 'logs, table'],
  ['an unknown order', { sort: 'up' }, 'sort', 'desc, asc'],
  ['a limit of 0', { limit: 0 }, 'limit', '1 to 1,000'],
  ['a limit that is not whole', { limit: 1.5 }, 'limit', 'whole number'],
  ['a limit in quotes', { limit: '5' }, 'limit', 'whole number'],
  ['first seen of nothing', { queryType: 'firstSeen' }, 'groupBy', 'at least one field'],
  ['an unknown group', { queryType: 'count', groupBy: ['actor', 'colour'] }, 'groupBy', 'colour'],
  ['a baseline that is too long', { queryType: 'firstSeen', groupBy: ['actor'], baseline: '91d' }, 'baseline', '90d'],
  ['a baseline without a unit', { queryType: 'firstSeen', groupBy: ['actor'], baseline: '30' }, 'baseline', '30d'],
  ['Lucene on the queue', { source: 'queue', query: 'a' }, 'lucene', 'Search'],
  ['a blank query on the queue, which the backend refuses too', { source: 'queue', query: ' ' }, 'lucene', 'Remove the Lucene query'],
  ['an unknown criterion', { criteria: { colour: ['red'] } }, 'filters', 'colour'],
  ['an unknown exclusion', { exclusions: { colour: ['red'] } }, 'filters', 'colour'],
  ['folding that is neither on nor off', { fold: 'true' }, 'fold', 'true or false'],
  ['earlier events without groups', { queryType: 'count', after: { criteria: { outcome: ['failure'] } } }, 'after', 'group by'],
  ['earlier events of a list', { groupBy: ['actor'], after: { criteria: { outcome: ['failure'] } } }, 'after', 'show a count'],
  ['earlier events of any kind', { queryType: 'count', groupBy: ['actor'], after: { criteria: { outcome: [] } } }, 'after', 'Choose'],
  ['earlier events of another group', { queryType: 'count', groupBy: ['action'], after: { criteria: { action: ['login'] } } }, 'after', 'action'],
  ['earlier events by description', { queryType: 'count', groupBy: ['actor'], after: { criteria: { description: ['a'] } } }, 'after', 'description'],
  ['no earlier event at all', { queryType: 'count', groupBy: ['actor'], after: { criteria: { outcome: ['failure'] }, atLeast: 0 } }, 'after', '1 to 10,000'],
  ['unknown keys of earlier events', { queryType: 'count', groupBy: ['actor'], after: { criteria: { outcome: ['failure'] }, within: '5m' } }, 'after', 'within'],
  ['earlier events that are no object', { queryType: 'count', groupBy: ['actor'], after: 3 }, 'after', 'atLeast'],
  ['a flag that is neither yes nor no', { criteria: { flagged: 'true' } }, 'filters', 'yes or no'],
  ['a value that is not a list', { criteria: { actor: 'jane' } }, 'filters', 'list'],
  ['unknown keys', { expr: 'x', legend: '' }, 'keys', 'expr, legend'],
])('%s is reported at its control', (_, query, at, words) => {
  expect(problems(query)).toEqual([{ at, message: expect.stringContaining(words) }]);
});

test('the default limit is no problem where a query may read less', () => {
  expect(problems({}, { maxEvents: 100, queueEnabled: false })).toEqual([]);
});

test('the queue is a problem while it is disabled', () => {
  const [problem] = problems({ source: 'queue' }, { maxEvents: 10_000, queueEnabled: false });
  expect(problem).toEqual({ at: 'source', message: queryProblems.queueDisabled });
});

test('keys that Grafana adds are not part of a query', () => {
  const query = { refId: 'A', query: 'a', fold: true, datasource: { uid: 'x' }, hide: false, key: 'Q-1', expr: 'foreign' };
  expect(withoutGrafanaKeys(query)).toEqual({ refId: 'A', query: 'a', fold: true, expr: 'foreign' });
});
