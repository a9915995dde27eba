import { fakeTemplates } from '../testing/templates';
import { MAX_COMBINATIONS } from './capture';
import { interpolateLucene } from './lucene';

const lucene = (text: string, value: string | string[]) => interpolateLucene(text, fakeTemplates({ v: { value } }));

describe('one value', () => {
  it.each([
    ['plain', 'actor:$v', 'jane', 'actor:jane'],
    ['braced', 'actor:${v}', 'jane', 'actor:jane'],
    ['bracketed', 'actor:[[v]]', 'jane', 'actor:jane'],
    ['an e-mail address', 'actor:$v', 'jane@example.com', 'actor:jane@example.com'],
    ['white space makes a phrase', 'description:$v', 'logged in', 'description:"logged in"'],
    ['a tab and a line break too', 'description:$v', 'a\tb\nc', 'description:"a\tb\nc"'],
    ['quotes in a phrase', 'description:$v', 'say "hi" now', 'description:"say \\"hi\\" now"'],
    ['a backslash in a phrase', 'actor:$v', 'NT AUTHORITY\\SYSTEM', 'actor:"NT AUTHORITY\\\\SYSTEM"'],
    ['slashes', 'request_url:$v', '/access/v2', 'request_url:\\/access\\/v2'],
    ['a backslash', 'actor:$v', 'CORP\\host', 'actor:CORP\\\\host'],
    ['every special character', '$v', '+-&|!(){}[]^"~*?:\\/', '\\+\\-\\&\\|\\!\\(\\)\\{\\}\\[\\]\\^\\"\\~\\*\\?\\:\\\\\\/'],
    ['an IPv6 address', 'actor_ip:$v', 'fe80::1', 'actor_ip:fe80\\:\\:1'],
    ['an operator', 'description:$v', 'AND', 'description:"AND"'],
    ['an empty value', 'actor:$v', '', 'actor:""'],
    ['a list of one', 'actor:$v', ['jane'], 'actor:jane'],
    ['inside a group', 'actor:($v OR bob)', 'a b', 'actor:("a b" OR bob)'],
    ['behind an operator', '-$v +$v !$v', 'a-b', '-a\\-b +a\\-b !a\\-b'],
    ['in a range', 'create_time:[$v TO *]', 'now', 'create_time:[now TO *]'],
    ['with a boost', '$v^2', 'a b', '"a b"^2'],
  ])('%s', (_, text, value, expected) => {
    expect(lucene(text, value)).toBe(expected);
  });
});

describe('several values', () => {
  it.each([
    ['become alternatives', 'actor:$v', ['a', 'b c'], 'actor:("a" OR "b c")'],
    ['are escaped as phrases', 'actor:$v', ['say "x"', 'CORP\\h', '/p*'], 'actor:("say \\"x\\"" OR "CORP\\\\h" OR "/p*")'],
    ['repeat the phrase they stand in', 'description:"user $v added"', ['a', 'b'], 'description:("user a added" OR "user b added")'],
    ['repeat the word they stand in', 'web-$v*', ['1', 'a b'], '(web-1* OR web-a\\ b*)'],
    ['match nothing when none is selected', 'actor:$v', [], 'actor:__empty__'],
  ])('%s', (_, text, value, expected) => {
    expect(lucene(text, value)).toBe(expected);
  });

  it('combine with each other inside one word', () => {
    const templates = fakeTemplates({ a: { value: ['1', '2'] }, b: { value: ['x', 'y'] } });
    expect(interpolateLucene('$a-$b', templates)).toBe('(1-x OR 1-y OR 2-x OR 2-y)');
  });
});

describe('combinations', () => {
  const some = (count: number) => ({ value: Array.from({ length: count }, (_, index) => `v${index}`) });

  it('are written out up to the bound', () => {
    const text = interpolateLucene('$a-$b', fakeTemplates({ a: some(MAX_COMBINATIONS / 10), b: some(10) }));
    expect(text.split(' OR ')).toHaveLength(MAX_COMBINATIONS);
  });

  it.each(['$a-$b-$c', '"of $a, $b and $c"'])('beyond the bound are an error in words: %s', (text) => {
    const templates = fakeTemplates({ a: some(1000), b: some(1000), c: some(1000) });
    expect(() => interpolateLucene(text, templates)).toThrow('stand for 1,000,000,000 combinations of their values; the maximum is 1,000');
  });

  it.each(['$a', 'web-$a*', '$a OR $b', '"$a"'])('are not what one variable alone makes: %s', (text) => {
    const templates = fakeTemplates({ a: some(MAX_COMBINATIONS + 1), b: some(2) });
    expect(interpolateLucene(text, templates)).toContain(`v${MAX_COMBINATIONS}`);
  });
});

describe('inside quotes', () => {
  it.each([
    ['only quote and backslash are escaped', '"in $v now"', 'a/b: (c) "d" \\e', '"in a/b: (c) \\"d\\" \\\\e now"'],
    ['alone', '"$v"', 'a b', '"a b"'],
    ['next to an escaped quote', '"say \\"$v\\""', 'x*', '"say \\"x*\\""'],
    ['an unclosed phrase', '"open $v', 'a"b', '"open a\\"b'],
  ])('%s', (_, text, value, expected) => {
    expect(lucene(text, value)).toBe(expected);
  });

  it('does not mistake an escaped quote for the start of a phrase', () => {
    expect(lucene('\\"$v', 'a b')).toBe('\\"a\\ b');
  });
});

describe('All', () => {
  const all = { value: '$__all', options: ['a', 'b'] };

  it('is no condition', () => {
    expect(interpolateLucene('actor:$v', fakeTemplates({ v: all }))).toBe('');
  });

  it('stands for the listed values where it cannot be left out', () => {
    expect(interpolateLucene('actor:$v OR x', fakeTemplates({ v: all }))).toBe('actor:("a" OR "b") OR x');
  });

  it.each(['*', '/.*/', '(a OR b)'])('with a custom value goes in as it is: %s', (allValue) => {
    expect(interpolateLucene('actor:$v', fakeTemplates({ v: { ...all, allValue } }))).toBe(`actor:${allValue}`);
  });
});

describe("the user's own text", () => {
  const texts = [
    '',
    ' ',
    'description:(login OR "logged in") AND NOT actor:"a \\" b"',
    'request_url:\\/access\\/v2* ^ ~ [1 TO 2] {a TO b} && || ! - + \\',
    '"unclosed \\',
    'plain words, $unknown and ${unknown:csv}',
  ];

  it.each(texts)('is never changed: %j', (text) => {
    expect(interpolateLucene(text, fakeTemplates({ v: { value: 'x y' } }))).toBe(text);
  });

  it.each([texts[2], texts[3].slice(0, -2)])('is never changed around a variable: %j', (text) => {
    expect(lucene(`${text} $v`, 'x y')).toBe(`${text} "x y"`);
  });

  it('keeps an explicit format', () => {
    expect(lucene('actor:${v:raw}', 'a OR b*')).toBe('actor:a OR b*');
  });

  it('keeps what a value says about variables', () => {
    expect(lucene('$v', '$v')).toBe('$v');
  });
});

test('a value always comes back out of its escaping', () => {
  const unescape = (text: string) => text.replace(/^"([^]*)"$/, '$1').replace(/\\([^])/g, '$1');
  const alphabet = ['a', ' ', '"', '\\', '/', ':', '*', '(', ')', '-', 'OR', '\u00e9', '$v'];
  for (const first of alphabet) {
    for (const second of alphabet) {
      for (const third of alphabet) {
        const value = first + second + third;
        expect(unescape(lucene('$v', value))).toBe(value);
        expect(unescape(lucene('"$v"', value))).toBe(value);
      }
    }
  }
});
