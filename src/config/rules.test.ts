import { parseLines, readRules, ruleProblem, storedRules, wordsOfRules, type RuleKey } from './rules';

const RULE = { pattern: 'Backup of {name} finished{rest}', category: 'backup', action: 'create' };

test.each([[RULE], JSON.stringify([RULE]), ` ${JSON.stringify([{ ...RULE, outcome: '', colour: 'red' }])} `])('rules are read from %j', (value) => {
  expect(readRules(value)).toEqual({ rules: [RULE] });
});

test.each([undefined, null, '', ' ', [], '[]'])('no rules are read from %j', (value) => {
  expect(readRules(value)).toEqual({ rules: [] });
});

test.each([7, '{', '{}', { pattern: 'x' }, ['x'], [null]])('%j is not a list of rules', (value) => {
  expect(readRules(value)).toEqual({ rules: [], problem: expect.stringContaining('not a list of rules') });
});

test('empty rows are not stored', () => {
  const empty = { pattern: ' ', category: '', action: '', outcome: undefined };
  expect(storedRules([empty, { ...RULE, severity: '', code: undefined }])).toEqual([RULE]);
  expect(storedRules([empty])).toBeUndefined();
});

test.each<[RuleKey, string, string | undefined]>([
  ['pattern', '', 'Enter the description'],
  ['pattern', 'ä'.repeat(501), 'at most 1000 bytes'],
  ['pattern', 'x', undefined],
  ['category', 'Big Words', 'Enter a word of a-z'],
  ['category', 'a'.repeat(41), 'Enter a word of a-z'],
  ['category', 'live_response2', undefined],
  ['action', '2nd', 'Enter a word of a-z'],
  ['outcome', 'maybe', 'one of failure'],
  ['outcome', '', undefined],
  ['severity', 'debug', 'one of critical'],
  ['code', 'a.b.c', 'two words'],
  ['code', 'login.failed', undefined],
])('a rule with the %s %j: %s', (key, value, words) => {
  const problem = ruleProblem({ ...RULE, [key]: value }, key);
  expect(words ? problem?.includes(words) : problem).toBe(words ? true : undefined);
});

test('a new row is not wrong yet', () => {
  expect(ruleProblem({ pattern: '', category: '', action: '' }, 'pattern')).toBeUndefined();
});

test('lines are separated by tabs', () => {
  expect(parseLines('# head\nA {x} b\tmine\tpaint\r\n\n{x} c \tmine\t paint \tfailure\terror\tmine.painted\n')).toEqual({
    rules: [
      { pattern: 'A {x} b', category: 'mine', action: 'paint' },
      { pattern: '{x} c ', category: 'mine', action: 'paint', outcome: 'failure', severity: 'error', code: 'mine.painted' },
    ],
  });
  expect(parseLines(JSON.stringify([RULE]))).toEqual({ rules: [RULE] });
  expect(parseLines('a\tb\tc\nA {x} b mine')).toEqual({ rules: [], problem: expect.stringContaining('Line 2 has 1 column ') });
});

test('rules add words', () => {
  expect(wordsOfRules([RULE, { ...RULE, action: 'paint' }, { ...RULE, category: ' ' }])).toEqual({ category: ['backup'], action: ['create', 'paint'] });
  expect(wordsOfRules(undefined)).toEqual({ category: [], action: [] });
});
