import type { AuditLogQuery } from '../types';
import { moveToFilters } from './derived';

const move = (query: string, more: Partial<AuditLogQuery> = {}) => moveToFilters({ refId: 'A', query, ...more });

test.each<[string, Partial<AuditLogQuery>]>([
  ['category:authentication', { query: '', criteria: { category: ['authentication'] } }],
  [' outcome:failure  AND  description:login ', { query: 'description:login', criteria: { outcome: ['failure'] } }],
  ['login AND NOT category:policy', { query: 'login', exclusions: { category: ['policy'] } }],
  ['login AND -action:create', { query: 'login', exclusions: { action: ['create'] } }],
  ['category:(policy OR "api_key") && x', { query: 'x', criteria: { category: ['policy', 'api_key'] } }],
  ['account:jane@example.com AND code:login.failed', { query: '', criteria: { account: ['jane@example.com'], code: ['login.failed'] } }],
  ['address:fe80\\:\\:1', { query: '', criteria: { address: ['fe80::1'] } }],
  ['target:"said \\"no\\""', { query: '', criteria: { target: ['said "no"'] } }],
  ['NOT category:policy', { query: '', exclusions: { category: ['policy'] } }],
  ['flagged:true', { query: '', criteria: { flagged: true } }],
  ['x AND NOT verbose:true AND flagged:true', { query: 'x', criteria: { verbose: false, flagged: true } }],
  ['flagged:true AND -verbose:true', { query: '', criteria: { flagged: true, verbose: false } }],
  ['NOT category:policy AND NOT flagged:true', { query: 'NOT flagged:true', exclusions: { category: ['policy'] } }],
])('%j is moved', (query, expected) => {
  expect(move(query)).toEqual({ refId: 'A', ...expected });
});

test('own filters stay, and the same field intersects', () => {
  expect(move('category:policy', { criteria: { category: ['policy', 'user'], actor: ['a'] }, limit: 5 })).toEqual({
    refId: 'A',
    limit: 5,
    query: '',
    criteria: { category: ['policy'], actor: ['a'] },
  });
});

test.each([
  '',
  'description:login',
  'category',
  'category:authentication OR login',
  '(category:authentication)',
  'category:authentication login',
  'category:auth*',
  'category:$category',
  'category:"$category"',
  'category:(a AND b)',
  'category:(a b)',
  'category:[a TO b]',
  'category:a^2',
  'category:',
  'category:authentication AND NOT flagged:true',
  'category:a AND (b',
  'flagged:false',
  'NOT flagged:true',
  'flagged:true AND NOT x',
  'flagged:true OR x',
  'actor:jane@example.com',
  'description:login AND request_url:"x"',
])('%j is not moved', (query) => {
  expect(move(query)).toBeUndefined();
});
