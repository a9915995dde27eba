import type { AuditLogQuery } from '../types';
import { modifyQuery } from './textFilter';

const base: AuditLogQuery = { refId: 'A', query: 'x' };

test.each<[string, string, Partial<AuditLogQuery>, Partial<AuditLogQuery>]>([
  ['ADD_STRING_FILTER', ' logged  in ', {}, { criteria: { description: ['logged in'] } }],
  ['ADD_STRING_FILTER', 'jane@example.com (203.0.113.7): Logged in', {}, { criteria: { description: ['Logged in'] } }],
  ['ADD_STRING_FILTER', 'jane@example.com: Logged in', {}, { criteria: { description: ['Logged in'] } }],
  ['ADD_STRING_FILTER', '2026-11-26 23:41:23.373 INFO jane@example.com (203.0.113.7): Logged in', {}, { criteria: { description: ['Logged in'] } }],
  ['ADD_STRING_FILTER', 'WARN Policy changed', {}, { criteria: { description: ['Policy changed'] } }],
  ['ADD_STRING_FILTER', 'INFORMATION changed', {}, { criteria: { description: ['INFORMATION changed'] } }],
  ['ADD_STRING_FILTER', 'b', { criteria: { description: ['a'] } }, { criteria: { description: ['b'] } }],
  ['ADD_STRING_FILTER', 'a', { criteria: { description: ['a'] } }, { criteria: { description: ['a'] } }],
  ['ADD_STRING_FILTER', 'a', { exclusions: { description: ['a'] } }, { criteria: { description: ['a'] } }],
  ['ADD_STRING_FILTER', '  ', { criteria: { actor: ['a'] } }, { criteria: { actor: ['a'] } }],
  ['ADD_STRING_FILTER_OUT', 'b', { exclusions: { description: ['a'] } }, { exclusions: { description: ['a', 'b'] } }],
  ['ADD_STRING_FILTER_OUT', 'a', { exclusions: { description: ['a'] } }, { exclusions: { description: ['a'] } }],
  ['ADD_STRING_FILTER_OUT', ' ', {}, {}],
  ['SOMETHING_NEW', 'a', {}, {}],
])('%s of %j on %j', (type, value, before, after) => {
  expect(modifyQuery({ ...base, ...before }, { type, options: { value } })).toEqual({ ...base, ...after });
});

test.each<[string, Partial<AuditLogQuery>, Partial<AuditLogQuery>]>([
  ['ADD_FILTER', {}, { criteria: { actor: ['a'] } }],
  ['ADD_FILTER', { criteria: { actor: ['a'] } }, { criteria: { actor: ['a'] } }],
  ['ADD_FILTER_OUT', {}, { exclusions: { actor: ['a'] } }],
  ['ADD_FILTER_OUT', { exclusions: { actor: ['a'] } }, { exclusions: { actor: ['a'] } }],
])('%s of an actor on %j', (type, before, after) => {
  expect(modifyQuery({ ...base, ...before }, { type, options: { key: 'actor', value: 'a' } })).toEqual({ ...base, ...after });
});
