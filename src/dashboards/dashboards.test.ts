import { type AnnotationEvent, type DataQueryRequest, FieldType, toDataFrame } from '@grafana/data';
import { locationService, setTemplateSrv, type TemplateSrv } from '@grafana/runtime';
import { firstValueFrom, of } from 'rxjs';
import type { AuditLogQuery } from '../types';
import { annotationSupport } from './annotations';
import { defaultLinks, defaultVariables } from './defaults';
import { applyGroupByKeys, groupByKeys, recommendDrilldowns } from './drilldowns';

const prepare = (target: Partial<AuditLogQuery>) => annotationSupport.prepareQuery?.({ target: { refId: 'A', ...target } } as never);

async function annotate(fields: { name: string; type: FieldType; values: unknown[]; labels?: Record<string, string> }[]): Promise<AnnotationEvent[]> {
  const events = await firstValueFrom(annotationSupport.processEvents?.({} as never, [toDataFrame({ fields })]) ?? of([]));
  return events ?? [];
}

const logs = (...rows: { time: number; body: string; labels: Record<string, string> }[]) =>
  annotate([
    { name: 'timestamp', type: FieldType.time, values: rows.map(({ time }) => time) },
    { name: 'body', type: FieldType.string, values: rows.map(({ body }) => body) },
    { name: 'id', type: FieldType.string, values: rows.map((_, row) => `id${row}`) },
    { name: 'labels', type: FieldType.other, values: rows.map(({ labels }) => labels) },
  ]);

describe('annotations', () => {
  it('never read the queue, and read events as log lines', () => {
    expect(prepare({ source: 'queue', limit: 5 })).toEqual({ refId: 'A', source: 'search', limit: 5 });
    expect(prepare({ format: 'table' })).toEqual({ refId: 'A', format: 'logs' });
    expect(prepare({ queryType: 'top', format: 'table' })).toEqual({ refId: 'A', queryType: 'top', format: 'table' });
    expect(annotationSupport.prepareQuery?.({} as never)).toBeUndefined();
  });

  it('are titled by the account and tagged by category, action and outcome', async () => {
    const labels = { account: 'jane@example.com', actor: 'Jane@example.com', category: 'policy', action: 'update', outcome: 'success' };
    expect(await logs({ time: 1000, body: 'Policy changed', labels }, { time: 2000, body: 'x', labels: { actor: 'a device' } })).toEqual([
      { id: 'id0', time: 1000, title: 'jane@example.com', text: 'Policy changed', tags: ['policy', 'update', 'success'] },
      { id: 'id1', time: 2000, title: 'a device', text: 'x', tags: [] },
    ]);
  });

  it('are a region for a folded edit', async () => {
    const labels = { folded_from: '1970-01-01T00:00:01Z', folded_until: '1970-01-01T00:00:03.5Z' };
    const [edit] = await logs({ time: 2000, body: 'Policy changed', labels });
    expect(edit).toMatchObject({ time: 1000, timeEnd: 3500, isRegion: true });
    const [instant] = await logs({ time: 2000, body: 'Policy changed', labels: { ...labels, folded_until: labels.folded_from } });
    expect(instant).not.toHaveProperty('isRegion');
  });

  it('count where the answer has no events', async () => {
    const events = await annotate([
      { name: 'time', type: FieldType.time, values: [1000, 2000] },
      { name: 'count', type: FieldType.number, values: [0, 3], labels: { outcome: 'failure' } },
    ]);
    expect(events).toEqual([{ time: 2000, text: '3', tags: ['failure'] }]);
    expect(await annotate([])).toEqual([]);
  });
});

describe('group by', () => {
  const grouped = (query: Partial<AuditLogQuery>, keys?: string[]) =>
    applyGroupByKeys({ targets: [{ refId: 'A', ...query }], groupByKeys: keys } as DataQueryRequest<AuditLogQuery>).targets[0].groupBy;

  it('offers every field', () => {
    expect(groupByKeys()).toContainEqual({ text: 'Account', value: 'account' });
  });

  it('replaces the groups of counts, and leaves events alone', () => {
    expect(grouped({ queryType: 'count', groupBy: ['actor'] }, ['account', 'flagged', 'colour'])).toEqual(['account', 'flagged']);
    expect(grouped({ queryType: 'count', groupBy: ['actor'] })).toEqual(['actor']);
    expect(grouped({ queryType: 'events' }, ['account'])).toBeUndefined();
    expect(grouped({ queryType: 'status' }, ['account'])).toBeUndefined();
  });
});

test('drilldowns that a dashboard has are not recommended again', () => {
  const filters = [{ key: 'outcome', operator: '=', value: 'success' }];
  const { filters: recommended, groupByKeys: groups } = recommendDrilldowns({ filters, groupByKeys: ['account'] });
  expect(recommended?.map(({ key }) => key)).toEqual(['flagged', 'severity']);
  expect(groups).not.toContain('account');
  expect(groups).toContain('address');
  expect(recommendDrilldowns().filters).toHaveLength(3);
});

describe('a dashboard with this data source', () => {
  const variables: { type: string }[] = [];
  beforeAll(() => setTemplateSrv({ getVariables: () => variables } as unknown as TemplateSrv));
  beforeEach(() => {
    variables.length = 0;
    locationService.push('/d/mine/my-dashboard');
  });

  it('gets ad hoc filters and links', () => {
    expect(defaultVariables({ type: 't', uid: 'u' })).toMatchObject([{ kind: 'AdhocVariable', group: 't', datasource: { name: 'u' } }]);
    expect(defaultLinks()).toMatchObject([{ type: 'dashboards', tags: ['carbon black cloud'], includeVars: true, keepTime: true }]);
  });

  it('gets no second filters', () => {
    variables.push({ type: 'datasource' }, { type: 'adhoc' });
    expect(defaultVariables({ type: 't', uid: 'u' })).toEqual([]);
    expect(defaultLinks()).toHaveLength(1);
  });

  it('gets nothing if it comes with the plugin', () => {
    locationService.push('/grafana/d/cbc-audit-plugin/plugin-health?from=now-1h');
    expect(defaultVariables({ type: 't', uid: 'u' })).toEqual([]);
    expect(defaultLinks()).toEqual([]);
  });
});
