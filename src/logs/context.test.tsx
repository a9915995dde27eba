import { type DataQueryRequest, type DataSourceInstanceSettings, hasLogsContextSupport, LogRowContextQueryDirection, type LogRowModel } from '@grafana/data';
import { DataSourceWithBackend } from '@grafana/runtime';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { of } from 'rxjs';
import { AuditLogDataSource } from '../datasource';
import { contextStrings } from '../strings/query';
import { fakeTemplates } from '../testing/templates';
import type { AuditLogOptions, AuditLogQuery } from '../types';

const settings = { uid: 'cbc', type: 'carbonblack-auditlog-datasource', jsonData: {} } as DataSourceInstanceSettings<AuditLogOptions>;
const row = { timeEpochMs: 10_000_000_000, labels: { actor: 'jane', actor_ip: '' } } as unknown as LogRowModel;
const { Forward, Backward } = LogRowContextQueryDirection;

afterEach(() => jest.restoreAllMocks());

function setup() {
  const source = new AuditLogDataSource(settings, () => fakeTemplates({}));
  const asked: DataQueryRequest<AuditLogQuery>[] = [];
  jest.spyOn(DataSourceWithBackend.prototype, 'query').mockImplementation((request) => {
    asked.push(request as DataQueryRequest<AuditLogQuery>);
    return of({ data: [] });
  });
  return { source, asked };
}

const original: AuditLogQuery = { refId: 'B', query: 'description:login', criteria: { outcome: ['failure'] }, source: 'queue', limit: 7 };

it('is offered by Grafana', () => {
  expect(hasLogsContextSupport(setup().source)).toBe(true);
});

it.each([
  [Backward, 'desc', row.timeEpochMs - 5000, row.timeEpochMs + 1],
  [Forward, 'asc', row.timeEpochMs, row.timeEpochMs + 5001],
])('%s: asks for the nearest events, with the whole millisecond of the line', async (direction, sort, from, to) => {
  const { source, asked } = setup();
  await source.getLogRowContext(row, { direction, limit: 50, timeWindowMs: 5000 }, original);
  const [{ range, targets }] = asked;
  expect([range.from.valueOf(), range.to.valueOf()]).toEqual([from, to]);
  expect(targets).toEqual([expect.objectContaining({ queryType: 'events', format: 'logs', source: 'queue', sort, limit: 50 })]);
  expect(targets[0]).not.toHaveProperty('criteria');
  expect(targets[0].query).toBeUndefined();
});

it('reaches a day far by default', async () => {
  const { source, asked } = setup();
  await source.getLogRowContext(row);
  expect(asked[0].range.from.valueOf()).toBe(row.timeEpochMs - 86_400_000);
});

it('can be narrowed to the values that the line has', async () => {
  const { source, asked } = setup();
  const run = jest.fn();
  render(<>{source.getLogRowContextUi(row, run)}</>);
  expect(screen.getAllByRole('radio')).toHaveLength(2);
  await userEvent.click(screen.getByRole('radio', { name: contextStrings.scopes.account }));
  expect(run).toHaveBeenCalledTimes(1);
  await source.getLogRowContext(row, { direction: Backward }, original);
  expect(asked[0].targets[0].criteria).toEqual({ actor: ['jane'] });
  expect(await source.getLogRowContextQuery(row, {}, original)).toEqual({
    refId: 'B',
    schemaVersion: 1,
    queryType: 'events',
    source: 'queue',
    format: 'logs',
    criteria: { actor: ['jane'] },
  });
});

it.each([
  [{ account: 'jane@example.com', actor: 'Jane@Example.com' }, { account: ['jane@example.com'] }],
  [{ actor: 'Jane@Example.com' }, { actor: ['Jane@Example.com'] }],
])('takes the derived field where the line has it: %j', async (labels, criteria) => {
  const { source } = setup();
  const line = { ...row, labels } as LogRowModel;
  render(<>{source.getLogRowContextUi(line)}</>);
  await userEvent.click(screen.getByRole('radio', { name: contextStrings.scopes.account }));
  expect(await source.getLogRowContextQuery(line)).toMatchObject({ criteria });
});

it('stays with everyone where the line has no such value', async () => {
  const { source, asked } = setup();
  const { unmount } = render(<>{source.getLogRowContextUi(row)}</>);
  await userEvent.click(screen.getByRole('radio', { name: contextStrings.scopes.account }));
  unmount();
  const anonymous = { ...row, labels: {} } as LogRowModel;
  render(<>{source.getLogRowContextUi(anonymous)}</>);
  expect(screen.getByRole('radio', { name: contextStrings.scopes.everyone })).toBeChecked();
  await source.getLogRowContext(anonymous, {}, original);
  expect(asked[0].targets[0]).not.toHaveProperty('criteria');
});
