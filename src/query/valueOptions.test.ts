import { canFold } from './canFold';
import { isBrokenNetwork, networkAround, networkOfPattern } from './networks';
import { differentCase, prefixOf, valueOptions } from './valueOptions';

test.each([
  ['203.0.113.*', '203.0.113.0/24'],
  ['203.0.*', '203.0.0.0/16'],
  ['203.0.*.*', '203.0.0.0/16'],
  ['10.*', '10.0.0.0/8'],
  ['203.0.113.7', undefined],
  ['*', undefined],
  ['*.0.113.7', undefined],
  ['203.*.113.*', undefined],
  ['256.0.0.*', undefined],
  ['203.0.113.1*', undefined],
  ['1.2.3.4.*', undefined],
  ['jane.*', undefined],
])('the network of %s is %s', (pattern, network) => {
  expect(networkOfPattern(pattern)).toBe(network);
});

test.each([
  ['203.0.113.7', '203.0.113.0/24'],
  ['203.0.113', undefined],
  ['2001:db8::1', undefined],
])('around %s there is %s', (address, network) => {
  expect(networkAround(address)).toBe(network);
});

test.each([
  ['203.0.113.0/24', false],
  ['203.0.113.7', false],
  ['2001:db8::/32', false],
  ['a/b', false],
  ['$network/99', false],
  ['203.0.113.0/33', true],
  ['203.0.113.0/', true],
  ['203.0.113.0/24/7', true],
])('%s is a broken network: %s', (value, broken) => {
  expect(isBrokenNetwork(value)).toBe(broken);
});

test('the network of an address comes first', () => {
  const found = { values: [{ value: '203.0.113.7', count: 1 }], complete: false };
  const options = valueOptions('address', '203.0.113.7', [], found);
  expect(options.map(({ value }) => value)).toEqual(['203.0.113.0/24', '203.0.113.7']);
  expect(options[1].description).toBe('at least 1 event');
  expect(valueOptions('actor_ip', '203.0.113.7', [], found)).toHaveLength(1);
});

test.each([
  ['203.0.113.*', '203.0.113'],
  [' jane', 'jane'],
  ['', ''],
])('values for %j begin with %j', (typed, prefix) => {
  expect(prefixOf(typed)).toBe(prefix);
});

test.each([
  ['Jane', ['jane', 'x'], 'jane'],
  ['jane', ['jane', 'JANE'], undefined],
  ['jan', ['jane'], undefined],
])('%s among %j differs in case from %s', (wanted, values, found) => {
  expect(differentCase(wanted, values)).toBe(found);
});

test.each([
  [{}, true],
  [{ criteria: { category: ['policy', 'user'] } }, true],
  [{ criteria: { category: ['$category'] } }, true],
  [{ criteria: { category: ['user'] } }, false],
  [{ criteria: { target_type: ['user'] } }, false],
  [{ exclusions: { category: ['policy'] } }, false],
  [{ exclusions: { category: ['user'] } }, true],
])('%j can match policies: %s', (query, can) => {
  expect(canFold(query)).toBe(can);
});
