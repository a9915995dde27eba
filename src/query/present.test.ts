import { type DataFrame, FieldType } from '@grafana/data';
import { presentInExplore, presentLogs } from './present';

const number = (refId: string, labels: Record<string, string>, value: number, meta = {}): DataFrame => ({
  refId,
  length: 1,
  meta: { type: 'numeric-multi', ...meta } as DataFrame['meta'],
  fields: [{ name: 'count', type: FieldType.number, config: {}, values: [value], labels }],
});

const columns = ({ fields }: DataFrame) => Object.fromEntries(fields.map(({ name, values }) => [name, values]));

it('shows the groups of numbers next to them, in one table per query', () => {
  const notices = [{ severity: 'warning' as const, text: 'part' }];
  const { data } = presentInExplore({
    data: [
      number('A', { account: 'jane', outcome: 'success' }, 3, { notices, stats: [{ displayName: 'API calls', value: 1 }] }),
      number('B', { category: 'user' }, 1),
      number('A', { account: '', outcome: 'failure' }, 2, { notices }),
    ],
  });
  expect(data.map(columns)).toEqual([{ account: ['jane', ''], outcome: ['success', 'failure'], count: [3, 2] }, { category: ['user'], count: [1] }]);
  expect(data[0]).toMatchObject({ refId: 'A', length: 2, meta: { notices, stats: [{ value: 1 }], preferredVisualisationType: 'table' } });
  expect(data[0].fields[0].config).toMatchObject({ filterable: true });
});

it('leaves a number without groups alone', () => {
  const data = [number('A', {}, 0)];
  expect(presentInExplore({ data })).toEqual({ data });
});

const series = (labels: Record<string, string>): DataFrame => ({
  refId: 'A',
  length: 0,
  meta: { type: 'timeseries-multi' } as DataFrame['meta'],
  fields: [{ name: 'count', type: FieldType.number, config: { displayNameFromDS: 'x' }, values: [], labels }],
});

it.each([
  [{ outcome: 'failure' }, { mode: 'fixed', fixedColor: 'red' }],
  [{ severity: 'critical' }, { mode: 'fixed', fixedColor: 'purple' }],
  [{ outcome: 'failure', account: 'jane' }, undefined],
  [{ category: 'user' }, undefined],
  [{}, undefined],
])('colors the series %j', (labels, color) => {
  expect(presentInExplore({ data: [series(labels)] }).data[0].fields[0].config).toEqual({ displayNameFromDS: 'x', ...(color && { color }) });
});

it('lists the severity of a log line once', () => {
  const field = (name: string) => ({ name, type: FieldType.string, config: {}, values: [] });
  const logs: DataFrame = { length: 0, meta: { preferredVisualisationType: 'logs' }, fields: [field('body'), field('severity')] };
  const table: DataFrame = { ...logs, meta: {} };
  const { data } = presentLogs({ data: [logs, table] });
  expect(data[0].fields.map(({ config }: { config: unknown }) => config)).toEqual([{}, { custom: { hidden: true } }]);
  expect(data[1]).toBe(table);
});
