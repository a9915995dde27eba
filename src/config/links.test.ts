import { configProblems } from '../strings/config';
import { linkPatternProblem, linkUrlProblem, readLinks, storedLinks } from './links';

test.each(['', 'https://a.test/?q=${__value.raw:percentencode}', 'http://a.test/$name', '${console}', '${console}/audit?ip=${__value.raw}'])(
  'the link %j is accepted',
  (url) => {
    expect(linkUrlProblem(url)).toBeUndefined();
  }
);

test.each([
  ['javascript:alert(1)', configProblems.linkUrl],
  ['/relative', configProblems.linkUrl],
  ['${__value.raw}', configProblems.linkUrl],
  ['https://user:word@a.test', configProblems.linkCredentials],
  ['https://${__value.raw}.a.test/', configProblems.linkHost],
])('the link %j is refused', (url, problem) => {
  expect(linkUrlProblem(url)).toBe(problem);
});

test('patterns are checked', () => {
  expect(linkPatternProblem('(?i)^DEV-(.+)$')).toBeUndefined();
  expect(linkPatternProblem(undefined)).toBeUndefined();
  expect(linkPatternProblem('(')).toBe(configProblems.linkPattern);
});

test('links are read leniently, and stored without empty rows', () => {
  const link = { field: 'account' as const, url: 'https://a.test' };
  expect(readLinks([link])).toEqual({ links: [link] });
  expect(readLinks(JSON.stringify([link]))).toEqual({ links: [link] });
  expect(readLinks(undefined)).toEqual({ links: [] });
  expect(readLinks('{').problem).toBe(configProblems.storedLinks);
  expect(storedLinks([{ ...link, title: ' ', url: ' https://a.test ' }, { field: 'address', url: '' }])).toEqual([link]);
  expect(storedLinks([{ field: 'address', url: '' }])).toBeUndefined();
});
