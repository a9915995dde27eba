import { AbstractLabelOperator } from '@grafana/data';
import type { AuditLogQuery, Filters } from '../types';
import { exportQuery, importQuery } from './abstractQueries';

const { Equal, NotEqual, EqualRegEx, NotEqualRegEx } = AbstractLabelOperator;
const imported = (name: string, operator: AbstractLabelOperator, value: string) => importQuery({ refId: 'A', labelMatchers: [{ name, operator, value }] });

test.each<[string, AbstractLabelOperator, string, Partial<AuditLogQuery>]>([
  ['actor', Equal, 'a|b', { criteria: { actor: ['a|b'] } }],
  ['actor', NotEqual, 'a', { exclusions: { actor: ['a'] } }],
  ['category', EqualRegEx, 'user|role', { criteria: { category: ['user', 'role'] } }],
  ['category', NotEqualRegEx, '(user|role)', { exclusions: { category: ['user', 'role'] } }],
  ['flagged', NotEqual, 'true', { criteria: { flagged: false } }],
])('%s %s %j is kept', (name, operator, value, filters) => {
  expect(imported(name, operator, value)).toEqual({ query: { refId: 'A', schemaVersion: 1, queryType: 'events', ...filters }, dropped: [] });
});

test.each([
  ['job', Equal, 'x', 'job="x"'],
  ['actor', EqualRegEx, 'jane.*', 'actor=~"jane.*"'],
  ['flagged', EqualRegEx, 'true', 'flagged=~"true"'],
  ['flagged', Equal, 'yes', 'flagged="yes"'],
])('%s %s %j is named as lost', (name, operator, value, dropped) => {
  expect(imported(name, operator, value)).toEqual({ query: { refId: 'A', schemaVersion: 1, queryType: 'events' }, dropped: [dropped] });
});

test.each<[Filters, Filters]>([
  [{}, {}],
  [{ actor: ['a'], flagged: false }, { outcome: ['failure', 'unknown'] }],
  [{ category: ['user', 'role'] }, { account: ['a@b c'] }],
])('filters %j and %j survive export and import', (criteria, exclusions) => {
  const { query, dropped } = importQuery(exportQuery({ refId: 'A', query: 'lucene', criteria, exclusions }));
  expect(query.criteria ?? {}).toEqual(criteria);
  expect(query.exclusions ?? {}).toEqual(exclusions);
  expect(dropped).toEqual([]);
});

test('several values are escaped as a regular expression', () => {
  expect(exportQuery({ refId: 'A', criteria: { actor: ['a.b', 'c'] } }).labelMatchers).toEqual([{ name: 'actor', operator: EqualRegEx, value: 'a\\.b|c' }]);
});
