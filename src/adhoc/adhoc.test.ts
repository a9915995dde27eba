import type { AdHocVariableFilter } from '@grafana/data';
import type { AuditLogQuery } from '../types';
import { adhocProblemOf, applicabilityOf, applyAdhocFilters } from './adhoc';

const filter = (key: string, operator: string, ...values: string[]): AdHocVariableFilter =>
  values.length === 1 ? { key, operator, value: values[0] } : { key, operator, value: values[0], values };
const apply = (query: Partial<AuditLogQuery>, ...filters: AdHocVariableFilter[]) => {
  const { refId: _, ...rest } = applyAdhocFilters({ refId: 'A', ...query }, filters);
  return rest;
};

test.each<[string, Partial<AuditLogQuery>, AdHocVariableFilter[], Partial<AuditLogQuery>]>([
  ['no filter', { query: 'x' }, [], { query: 'x' }],
  ['equals', {}, [filter('actor', '=', 'a')], { criteria: { actor: ['a'] } }],
  ['not equals', {}, [filter('actor', '!=', 'a')], { exclusions: { actor: ['a'] } }],
  ['one of', {}, [filter('actor', '=|', 'a', 'b')], { criteria: { actor: ['a', 'b'] } }],
  ['not one of', {}, [filter('actor', '!=|', 'a', 'b')], { exclusions: { actor: ['a', 'b'] } }],
  ['two fields', {}, [filter('actor', '=', 'a'), filter('outcome', '=', 'failure')], { criteria: { actor: ['a'], outcome: ['failure'] } }],
  ['two filters on a field intersect', {}, [filter('actor', '=|', 'a', 'b'), filter('actor', '=', 'b')], { criteria: { actor: ['b'] } }],
  ['own criteria intersect', { criteria: { actor: ['a', 'b'] } }, [filter('actor', '=|', 'b', 'c')], { criteria: { actor: ['b'] } }],
  [
    'own criteria that exclude the filter leave nothing',
    { criteria: { actor: ['a'] } },
    [filter('actor', '=', 'b')],
    { criteria: { actor: ['b'] }, exclusions: { actor: ['b'] } },
  ],
  ['own exclusions stay', { exclusions: { actor: ['a'] } }, [filter('actor', '!=', 'b')], { exclusions: { actor: ['a', 'b'] } }],
  ['a flag', {}, [filter('flagged', '=', 'true')], { criteria: { flagged: true } }],
  ['a flag that is not', {}, [filter('flagged', '!=', 'true')], { criteria: { flagged: false } }],
  ['a flag with both states', {}, [filter('flagged', '=|', 'true', 'false')], {}],
  ['a flag without both states leaves nothing', {}, [filter('flagged', '!=|', 'true', 'false')], { criteria: { flagged: true }, exclusions: { flagged: true } }],
  ['a query about the plugin', { queryType: 'status' }, [filter('actor', '=', 'a')], { queryType: 'status' }],
])('%s', (_, query, filters, expected) => {
  expect(apply(query, ...filters)).toEqual(expected);
});

test('a query without ad hoc filters stays as it is', () => {
  const query = { refId: 'A', criteria: { actor: ['a'] } };
  expect(applyAdhocFilters(query)).toBe(query);
});

test.each([
  [filter('actor', '=~', 'a.*'), 'Cannot filter actor with =~'],
  [filter('actor', '!~', 'a.*'), 'Cannot filter actor with !~'],
  [filter('create_time', '<', '5'), 'Cannot filter by "create_time"'],
  [filter('actor', '<=', '5'), 'Cannot filter actor with <='],
  [filter('colour', '=', 'red'), 'Cannot filter by "colour". Choose from account'],
  [filter('flagged', '=', 'maybe'), 'flagged is either true or false'],
])('%j is refused with a reason', (wrong, reason) => {
  const filters = [filter('actor', '=', 'a'), wrong];
  expect(adhocProblemOf({ refId: 'A' }, filters)).toContain(reason);
  expect(adhocProblemOf({ refId: 'A', queryType: 'callers' }, filters)).toBeUndefined();
  expect(applicabilityOf(filters)).toEqual([
    { key: 'actor', applicable: true },
    { key: wrong.key, applicable: false, reason: expect.stringContaining(reason) },
  ]);
});
