import { createHash } from 'node:crypto';
import { type DataQueryRequest, type DataSourceInstanceSettings, LoadingState } from '@grafana/data';
import { setGrafanaLiveSrv } from '@grafana/runtime';
import { lastValueFrom, of, toArray } from 'rxjs';
import { AuditLogDataSource } from '../datasource';
import { fakeTemplates } from '../testing/templates';
import type { AuditLogOptions, AuditLogQuery } from '../types';
import { tailAddress, tailProblem, tailText } from './tail';

const query: AuditLogQuery = { refId: 'A', query: 'description:login', criteria: { actor: ['b', 'a'], flagged: true } };

describe('the channel of a query', () => {
  it('is the hash of the text that is sent along', () => {
    const { path, data, stream, scope } = tailAddress('cbc', query);
    const { query: text } = data as { query: string };
    expect(path).toBe(`tail/${createHash('sha256').update(text).digest('hex')}`);
    expect(JSON.parse(text)).toEqual(query);
    expect({ stream, scope }).toEqual({ stream: 'cbc', scope: 'ds' });
  });

  it('is the same for the same question', () => {
    const shuffled = { criteria: { flagged: true, actor: ['b', 'a'] }, query: 'description:login', refId: 'A' };
    const dressed = { ...shuffled, datasource: { uid: 'x' }, key: 'Q-1', hide: false, intervalMs: 5, maxDataPoints: 9, baseline: undefined };
    expect(tailText(dressed)).toBe(tailText(query));
  });

  it.each<[string, object]>([
    ['another text', { query: 'x' }],
    ['another refId', { refId: 'B' }],
    ['other values', { criteria: { actor: ['a', 'b'], flagged: true } }],
    ['a key that nobody knows, which the backend names', { colour: 'red' }],
  ])('is another one for %s', (_, change) => {
    expect(tailText({ ...query, ...change })).not.toBe(tailText(query));
  });
});

test.each<[AuditLogQuery['queryType'], boolean]>([
  [undefined, true],
  ['' as 'events', true],
  ['events', true],
  ['count', false],
  ['series', false],
])('of queries with the shape %s: live is %s', (queryType, live) => {
  expect(tailProblem({ refId: 'A', queryType }) === undefined).toBe(live);
});

test('Live in Explore watches each query with its variables filled in, and says which cannot be watched', async () => {
  const watched: unknown[] = [];
  setGrafanaLiveSrv({
    getDataStream: (options: { addr: { data: { query: string } }; key: string; buffer: unknown }) => {
      watched.push({ ...JSON.parse(options.addr.data.query), key: options.key, buffer: options.buffer });
      return of({ key: options.key, data: [], state: LoadingState.Streaming });
    },
  } as unknown as Parameters<typeof setGrafanaLiveSrv>[0]);
  const settings = { uid: 'cbc', type: 'carbonblack-auditlog-datasource', jsonData: {} };
  const source = new AuditLogDataSource(settings as DataSourceInstanceSettings<AuditLogOptions>, () =>
    fakeTemplates({ v: { value: ['x', 'y'] } })
  );
  const targets: AuditLogQuery[] = [
    { refId: 'A', criteria: { actor: ['$v'] } },
    { refId: 'B', queryType: 'count' },
    { refId: 'C', source: 'queue' },
  ];
  const request = { targets, scopedVars: {}, liveStreaming: true } as unknown as DataQueryRequest<AuditLogQuery>;
  const answers = await lastValueFrom(source.query(request).pipe(toArray()));
  const buffer = { action: 'append', maxLength: 1000 };
  expect(watched).toEqual([
    { refId: 'A', criteria: { actor: ['x', 'y'] }, key: 'tail-A', buffer },
    { refId: 'C', source: 'queue', key: 'tail-C', buffer },
  ]);
  expect(answers.flatMap(({ errors }) => errors ?? [])).toContainEqual({ refId: 'B', message: expect.stringContaining('Only events') });
});

test('an annotation never reads the queue', () => {
  const source = new AuditLogDataSource({ uid: 'cbc', jsonData: {} } as DataSourceInstanceSettings<AuditLogOptions>, () => fakeTemplates({}));
  const prepare = (target?: AuditLogQuery) => source.annotations.prepareQuery?.({ name: 'a', iconColor: '', enable: true, target });
  expect(prepare({ refId: 'A', source: 'queue', query: 'x' })).toEqual({ refId: 'A', source: 'search', query: 'x' });
  expect(prepare({ refId: 'A' })).toEqual({ refId: 'A' });
  expect(prepare(undefined)).toBeUndefined();
});
