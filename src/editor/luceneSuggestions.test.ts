import { prefixLength, suggest } from './luceneSuggestions';

const inserted = (before: string, variables: string[] = []) => suggest(before, variables).map(({ insert }) => insert);

test.each([
  ['', ['description:', 'actor:', 'NOT ', '$env']],
  ['description:login A', ['AND ', 'actor:']],
  ['(', ['actor_ip:', '$env']],
  ['flagged:', ['true', 'false', '$env']],
  ['description:(', ['"logged in"', 'login']],
  ['actor:', ['$env']],
  ['description:"logged in" ', ['AND ']],
  ['description:"said \\" and" ', ['AND ']],
])('behind %j come %j', (before, expected) => {
  expect(inserted(before, ['env'])).toEqual(expect.arrayContaining(expected));
});

test.each([
  ['flagged:', ['description:', 'AND ']],
  ['actor:ja', ['description:', 'OR ']],
  ['description:"logged ', ['actor:', 'AND ', 'login']],
  ['description:"said \\" ', ['actor:', 'AND ']],
  ['', ['true', 'category:', 'outcome:']],
])('behind %j do not come %j', (before, unexpected) => {
  const all = inserted(before);
  unexpected.forEach((insert) => expect(all).not.toContain(insert));
});

test.each([
  ['', 0],
  ['act', 3],
  ['actor:ja', 2],
  ['actor:$e', 2],
  ['(desc', 4],
  ['actor:x ', 0],
  ['actor:jane@ex', 7],
  ['actor:(jane.d', 6],
])('a suggestion behind %j replaces %i characters', (before, length) => {
  expect(prefixLength(before)).toBe(length);
});

test('found values come before examples, as phrases where they need it', () => {
  const values = suggest('description:', [], ['login', 'a "b"', 'AND', '203.0.113.7:443']).map(({ insert }) => insert);
  expect(values.slice(0, 5)).toEqual(['login', '"a \\"b\\""', '"AND"', '"203.0.113.7:443"', '"logged in"']);
});
