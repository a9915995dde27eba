import { configProblems } from '../strings/config';
import { ENVIRONMENTS } from './environments';
import { apiIdProblem, apiSecretProblem, numberProblem, orgKeyProblem, storeDsnProblem, urlProblem } from './validation';

const LOOPBACK = ['http://localhost:8080', 'http://127.0.0.1:9', 'http://[::1]:8080'];

test.each([...ENVIRONMENTS.map(({ url }) => url), ...LOOPBACK, '', ' https://cbc.example.com '])('the URL %j is accepted', (url) => {
  expect(urlProblem(url)).toBeUndefined();
});

test.each([
  ['defense.conferdeploy.net', 'Enter a URL'],
  ['http://defense.conferdeploy.net', 'https'],
  ['http://127.0.0.1.example.com', 'https'],
  ['http://localhost.example.com', 'https'],
  ['ftp://localhost', 'https://'],
  ['https://user:word@cbc.example.com', 'user name'],
  ['https://cbc.example.com/?a=b', '? or #'],
])('the URL %j is refused', (url, words) => {
  expect(urlProblem(url)).toContain(words);
});

test.each(['', 'ABCD1234', ' 7DESJ9GN '])('the org key %j is accepted', (orgKey) => {
  expect(orgKeyProblem(orgKey)).toBeUndefined();
});

test.each(['AB/CD', '../x', 'AB CD', 'AB?x', 'AB%2F', 'AB#'])('the org key %j is refused', (orgKey) => {
  expect(orgKeyProblem(orgKey)).toContain('org key');
});

test.each([
  ['P3KEDZJRI8', undefined],
  ['', undefined],
  ['ABCDEFGHIJKLMNO123456789', 'swapped'],
  ['ABCDEFGHIJKLMNO123456789/ABCD123456', 'SECRET/ID'],
  ['AB CD', 'spaces'],
])('the API ID %j: %s', (apiId, words) => {
  const problem = apiIdProblem(apiId);
  expect(words ? problem?.includes(words) : problem).toBe(words ? true : undefined);
});

test.each([
  ['ABCDEFGHIJKLMNO123456789', undefined],
  ['', undefined],
  ['P3KEDZJRI8', 'swapped'],
  ['ABCDEFGHIJKLMNO123456789/ABCD123456', 'SECRET/ID'],
])('the secret %j: %s', (secret, words) => {
  const problem = apiSecretProblem(secret);
  expect(words ? problem?.includes(words) : problem).toBe(words ? true : undefined);
});

test.each([
  '',
  ' postgres://user:password@host:5432/database ',
  'postgresql://user@[::1]/database?sslmode=verify-full',
])('the database %j is accepted', (dsn) => {
  expect(storeDsnProblem(dsn)).toBeUndefined();
});

test.each(['db.example.com:5432', 'mysql://user:word@db/x', 'https://db.example.com/?a=word', 'postgres://', 'postgres:word', 'postgresql:///database?host=/run/postgresql', 'host=db user=a password=word'])(
  'the database %j is refused without quoting its password',
  (dsn) => {
    expect(storeDsnProblem(dsn)).toBe(configProblems.storeDsn);
  }
);

test.each([
  [undefined, true],
  ['', true],
  [10, true],
  ['60', true],
  [9, false],
  ['101', false],
  [10.5, false],
  ['sixty', false],
  ['1e1', false],
  [true, false],
])('the number %j from 10 to 100: %s', (value, fine) => {
  expect(numberProblem(value, 10, 100)).toEqual(fine ? undefined : 'Enter a whole number from 10 to 100.');
});
