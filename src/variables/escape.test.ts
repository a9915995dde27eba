import { random } from '../testing/random';
import { fakeTemplates } from '../testing/templates';
import { interpolateLucene } from './lucene';

const ALPHABET = ['a', 'B', '7', 'é', '😀', ' ', '\t', '\n', ...'+-&|!(){}[]^"~*?:\\/$.,@_<>=#\'', 'AND', 'OR', 'NOT', 'TO', '\uE000', '\uE0010'];

function values(seed: number, count: number): string[] {
  const { listOf, oneOf } = random(seed);
  return Array.from({ length: count }, () => listOf(7, () => oneOf(ALPHABET)).join(''));
}

const unescaped = (text: string) => text.replace(/\\([^])/g, '$1');
const PHRASE = /^"((?:[^"\\]|\\[^])*)"$/;
const TERM = /^(?:[^\s+\-&|!(){}[\]^"~*?:\\/]|\\[^])+$/;

/** The value that Lucene reads from a clause, undefined if it reads anything else than one value. */
function read(clause: string): string | undefined {
  const phrase = PHRASE.exec(clause);
  if (phrase) {
    return unescaped(phrase[1]);
  }
  return TERM.test(clause) && !/^(AND|OR|NOT|TO)$/.test(clause) ? unescaped(clause) : undefined;
}

const fill = (text: string, value: string | string[]) => interpolateLucene(text, fakeTemplates({ v: { value } }));

test('any value stays one value', () => {
  values(1, 1000).forEach((value) => {
    expect(read(fill('$v', value))).toBe(value);
    const phrase = fill('"before ${v} after"', value);
    expect(read(phrase)).toBe(`before ${value} after`);
  });
});

test('any list of values stays a list of these values', () => {
  const all = values(2, 1000);
  for (let i = 0; i + 1 < all.length; i += 2) {
    const [, first, second] = /^\(("(?:[^"\\]|\\[^])*") OR ("(?:[^"\\]|\\[^])*")\)$/.exec(fill('$v', [all[i], all[i + 1]])) ?? [];
    expect([read(first ?? ''), read(second ?? '')]).toEqual([all[i], all[i + 1]]);
  }
});
