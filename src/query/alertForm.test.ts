import type { AuditLogQuery } from '../types';
import { alertFormUrl, alertQuery } from './alertForm';

test.each<[Partial<AuditLogQuery>, Partial<AuditLogQuery>]>([
  [{ queryType: 'events', format: 'table', sort: 'asc', limit: 9, query: 'x' }, { queryType: 'count', groupBy: ['account', 'address'], query: 'x' }],
  [{ queryType: 'top', groupBy: ['code'], limit: 20 }, { queryType: 'count', groupBy: ['code'] }],
  [{ queryType: 'series', groupBy: ['code'], limit: 10 }, { queryType: 'count', groupBy: ['code'] }],
  [{ queryType: 'count' }, { queryType: 'count' }],
  [{ queryType: 'firstSeen', groupBy: ['address'], baseline: '4w' }, { queryType: 'firstSeen', groupBy: ['address'], baseline: '4w' }],
])('a rule evaluates %j as %j', (query, evaluated) => {
  expect(alertQuery({ refId: 'B', datasource: { uid: 'u' }, ...query })).toEqual({ refId: 'A', schemaVersion: 1, ...evaluated });
});

test.each([
  [undefined, 3600],
  [{ from: 0, to: 900_000 }, 900],
  [{ from: 0, to: 1000 }, 60],
  [{ from: 0, to: 30 * 86_400_000 }, 86_400],
])('the form is filled for the range %j', (range, seconds) => {
  const url = new URL(alertFormUrl({ refId: 'A', queryType: 'count', criteria: { outcome: ['failure'] } }, 'u', range, '/sub'), 'http://localhost');
  expect(url.pathname).toBe('/sub/alerting/new');
  const defaults = JSON.parse(url.searchParams.get('defaults') ?? '');
  expect(defaults).toMatchObject({ name: 'Number of events where outcome is failure', condition: 'C', noDataState: 'OK', execErrState: 'KeepLast' });
  expect(defaults.queries[0]).toMatchObject({ datasourceUid: 'u', relativeTimeRange: { from: seconds, to: 0 }, model: { criteria: { outcome: ['failure'] } } });
  expect(defaults.queries[1].model).toMatchObject({ type: 'threshold', expression: 'A' });
});
