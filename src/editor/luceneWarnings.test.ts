import { applyFixes, findLuceneWarnings } from './luceneWarnings';

const marked = (text: string) => findLuceneWarnings(text).map(({ start, end }) => text.slice(start, end));
const fixed = (text: string) => applyFixes(text, findLuceneWarnings(text));

test.each([
  ['description:login and not flagged:true', ['and', 'not'], 'description:login AND NOT flagged:true'],
  ['a or b', ['or'], 'a OR b'],
  ['a And b Or c', ['And', 'Or'], 'a AND b OR c'],
  ['not flagged:true', ['not'], 'NOT flagged:true'],
  ['description:(a or b)', ['or'], 'description:(a OR b)'],
  ['(a)and(b)', ['and'], '(a)AND(b)'],
  ['"a" and "b or c"', ['and'], '"a" AND "b or c"'],
  ['description:“logged in”', ['“', '”'], 'description:"logged in"'],
  ['description:„logged in“ and x', ['„', '“', 'and'], 'description:"logged in" AND x'],
  ['«a b» ″c″ 〝d〞 ＂e＂', ['«', '»', '″', '″', '〝', '〞', '＂', '＂'], '"a b" "c" "d" "e"'],
  ['$actor and ${site}', ['and'], '$actor AND ${site}'],
  ['line\nand\tnext', ['and'], 'line\nAND\tnext'],
])('%j: marks %j', (text, places, suggestion) => {
  expect(marked(text)).toEqual(places);
  expect(fixed(text)).toBe(suggestion);
  expect(findLuceneWarnings(suggestion)).toEqual([]);
});

test.each([
  ['category:authentication', ['category']],
  ['x AND (outcome:failure OR account : a)', ['outcome', 'account']],
  ['"category:x" AND severity:error and y', ['severity', 'and']],
])('%j: marks %j, and leaves the derived fields to a move', (text, places) => {
  expect(marked(text)).toEqual(places);
  expect(fixed(text)).toBe(text.replace(' and ', ' AND '));
});

test.each([
  '',
  'categories:x',
  'description:category',
  'description:login AND NOT flagged:true',
  'a && b || !c',
  'description:"this and that or not"',
  'description:"he said “hi”"',
  'actor:and',
  'actor: or AND x',
  'not:x',
  'android OR notary OR band',
  'a\\“b',
  '"open and or',
  'x-and-y',
  'user’s',
])('%j: marks nothing', (text) => {
  expect(findLuceneWarnings(text)).toEqual([]);
});

test('every mark lies inside the text, whatever it is', () => {
  const parts = ['and', 'OR', '"', '\\', '“', ':', '(', ' ', 'x', '$a', 'not'];
  for (const a of parts) {
    for (const b of parts) {
      for (const c of parts) {
        const text = a + b + c;
        let last = 0;
        for (const { start, end } of findLuceneWarnings(text)) {
          expect(start).toBeGreaterThanOrEqual(last);
          expect(end).toBeLessThanOrEqual(text.length);
          last = end;
        }
      }
    }
  }
});
