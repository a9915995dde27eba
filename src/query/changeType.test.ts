import type { AuditLogQuery, QueryType } from '../types';
import { changeType } from './changeType';

test.each<[Partial<AuditLogQuery>, QueryType, Partial<AuditLogQuery>]>([
  [{}, 'count', { queryType: 'count' }],
  [{}, 'series', { queryType: 'series', limit: 10 }],
  [{}, 'top', { queryType: 'top', limit: 20, groupBy: ['account'] }],
  [{}, 'firstSeen', { queryType: 'firstSeen', groupBy: ['account', 'address'] }],
  [{ limit: 7, groupBy: ['category'] }, 'top', { queryType: 'top' }],
  [{ limit: 500 }, 'top', { queryType: 'top', limit: 20, groupBy: ['account'] }],
  [{ queryType: 'top', limit: 20, groupBy: ['actor'] }, 'events', { queryType: 'events', limit: 500 }],
  [{ queryType: 'top', limit: 20, groupBy: ['actor'] }, 'series', { queryType: 'series', limit: 10 }],
  [{ queryType: 'top', limit: 30, groupBy: ['actor'] }, 'events', { queryType: 'events' }],
  [{ queryType: 'series' }, 'top', { queryType: 'top', limit: 20, groupBy: ['account'] }],
  [{ queryType: 'pie' as 'top' }, 'count', { queryType: 'count' }],
])('%j becomes %s', (query, queryType, change) => {
  expect(changeType({ refId: 'A', ...query }, queryType, 100_000)).toEqual(change);
});

test('the limit never exceeds what the data source allows', () => {
  expect(changeType({ refId: 'A' }, 'top', 5)).toEqual({ queryType: 'top', groupBy: ['account'] });
  expect(changeType({ refId: 'A', queryType: 'top', limit: 5 }, 'events', 5)).toEqual({ queryType: 'events' });
  expect(changeType({ refId: 'A', queryType: 'top', limit: 20 }, 'events', 50)).toEqual({ queryType: 'events', limit: 50 });
});
