import type { AuditLogQuery, Filters } from '../types';
import { exclude, hasFilter, narrow, narrowFlag, toggleFilterFor, toggleFilterOut } from './filters';

const query = (criteria?: Filters, exclusions?: Filters): AuditLogQuery => ({
  refId: 'A',
  query: 'x',
  ...(criteria && { criteria }),
  ...(exclusions && { exclusions }),
});

test.each<[string, AuditLogQuery, string, string, AuditLogQuery]>([
  ['a new field', query(), 'actor', 'a', query({ actor: ['a'] })],
  ['beside another field', query({ outcome: ['failure'] }), 'actor', 'a', query({ outcome: ['failure'], actor: ['a'] })],
  ['one of several alternatives', query({ actor: ['a', 'b'] }), 'actor', 'b', query({ actor: ['b'] })],
  ['another value', query({ actor: ['a'] }), 'actor', 'b', query({ actor: ['b'] })],
  ['the same value again', query({ actor: ['a'] }), 'actor', 'a', query()],
  ['an excluded value', query(undefined, { actor: ['a', 'b'] }), 'actor', 'a', query({ actor: ['a'] }, { actor: ['b'] })],
  ['the only excluded value', query(undefined, { actor: ['a'] }), 'actor', 'a', query({ actor: ['a'] })],
  ['an empty value', query(), 'actor_ip', '', query({ actor_ip: [''] })],
  ['a flag', query(), 'flagged', 'true', query({ flagged: true })],
  ['the other state of a flag', query({ flagged: true }), 'flagged', 'false', query({ flagged: false })],
  ['the same state of a flag again', query({ flagged: false }), 'flagged', 'false', query()],
  ['a column that is not a field', query(), 'count', '5', query()],
])('filter for %s', (_, before, field, value, after) => {
  expect(toggleFilterFor(before, field, value)).toEqual(after);
});

test.each<[string, AuditLogQuery, string, string, AuditLogQuery]>([
  ['a new field', query(), 'actor', 'a', query(undefined, { actor: ['a'] })],
  ['a second value', query(undefined, { actor: ['a'] }), 'actor', 'b', query(undefined, { actor: ['a', 'b'] })],
  ['the same value again', query(undefined, { actor: ['a'] }), 'actor', 'a', query()],
  ['one of several wanted values', query({ actor: ['a', 'b'] }), 'actor', 'a', query({ actor: ['b'] }, { actor: ['a'] })],
  ['the only wanted value, which matches nothing', query({ actor: ['a'] }), 'actor', 'a', query({ actor: ['a'] }, { actor: ['a'] })],
  ['a flag', query(), 'verbose', 'true', query({ verbose: false })],
  ['the same state of a flag again', query({ verbose: false }), 'verbose', 'true', query()],
  ['a column that is not a field', query(), 'first', '2026-01-01', query()],
])('filter out %s', (_, before, field, value, after) => {
  expect(toggleFilterOut(before, field, value)).toEqual(after);
});

test('a filter that is toggled twice is gone', () => {
  for (const [field, value] of [['actor', 'a'], ['description', 'x y'], ['flagged', 'true'], ['verbose', 'false']]) {
    const start = query({ category: ['policy'] }, { outcome: ['unknown'] });
    expect(toggleFilterFor(toggleFilterFor(start, field, value), field, value)).toEqual(start);
    expect(toggleFilterOut(toggleFilterOut(start, field, value), field, value)).toEqual(start);
    expect(hasFilter(toggleFilterFor(start, field, value), field, value)).toBe(true);
    expect(hasFilter(toggleFilterOut(start, field, value), field, value)).toBe(false);
  }
});

test.each<[string, AuditLogQuery, AuditLogQuery]>([
  ['no own values', query(), query({ actor: ['a', 'b'] })],
  ['an empty list', query({ actor: [] }), query({ actor: ['a', 'b'] })],
  ['some common values', query({ actor: ['b', 'c'] }), query({ actor: ['b'] })],
  ['no common value, which matches nothing', query({ actor: ['c'] }), query({ actor: ['a', 'b'] }, { actor: ['a', 'b'] })],
  ['own exclusions', query(undefined, { actor: ['a'] }), query({ actor: ['a', 'b'] }, { actor: ['a'] })],
])('a query with %s is narrowed to the intersection', (_, before, after) => {
  expect(narrow(before, 'actor', ['a', 'b'])).toEqual(after);
});

test('an address is narrowed within its network, and a mail address in any case', () => {
  const own = { refId: 'A', criteria: { address: ['203.0.113.0/24'], account: ['Jane@Example.com', 'API1'] } };
  expect(narrow(own, 'address', ['203.0.113.7'])).toEqual({ ...own, criteria: { ...own.criteria, address: ['203.0.113.7'] } });
  expect(narrow(own, 'account', ['jane@example.com'])).toEqual({ ...own, criteria: { ...own.criteria, account: ['jane@example.com'] } });
  expect(narrow(own, 'account', ['api1'])).toEqual({ ...own, criteria: { ...own.criteria, account: ['api1'] }, exclusions: { account: ['api1'] } });
});

test('a flag is narrowed, and a contradiction matches nothing', () => {
  expect(narrowFlag(query(), 'flagged', true)).toEqual(query({ flagged: true }));
  expect(narrowFlag(query({ flagged: true }), 'flagged', true)).toEqual(query({ flagged: true }));
  expect(narrowFlag(query({ flagged: false }), 'flagged', true)).toEqual(query({ flagged: true }, { flagged: true }));
});

test('exclusions add up', () => {
  expect(exclude(query(undefined, { actor: ['a'] }), 'actor', ['a', 'b'])).toEqual(query(undefined, { actor: ['a', 'b'] }));
});

// What a query matches, for events with one field: the model that the changes must keep to.
const matches = ({ criteria, exclusions }: AuditLogQuery, value: string) =>
  ((criteria?.actor?.length ?? 0) === 0 || criteria?.actor?.includes(value)) && !exclusions?.actor?.includes(value);

test('for every small query: filter out removes one value and nothing else, and narrowing intersects', () => {
  const values = ['a', 'b', 'c'];
  const subsets = Array.from({ length: 8 }, (_, bits) => values.filter((_, index) => bits & (1 << index)));
  for (const wanted of subsets) {
    for (const excluded of subsets) {
      const before = query({ actor: wanted }, { actor: excluded });
      for (const value of values.filter((item) => !excluded.includes(item))) {
        const after = toggleFilterOut(before, 'actor', value);
        values.forEach((item) => expect(matches(after, item)).toBe(matches(before, item) && item !== value));
      }
      for (const filter of subsets.filter(({ length }) => length > 0)) {
        const after = narrow(before, 'actor', filter);
        values.forEach((item) => expect(matches(after, item)).toBe(matches(before, item) && filter.includes(item)));
      }
    }
  }
});
