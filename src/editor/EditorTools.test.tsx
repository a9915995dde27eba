import { CoreApp, dateTime, LoadingState, type PanelData, type TimeRange } from '@grafana/data';
import { config, setBackendSrv, type BackendSrv, type BackendSrvRequest } from '@grafana/runtime';
import { act, cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { of } from 'rxjs';
import type { AuditLogDataSource } from '../datasource';
import { exportStrings } from '../strings/exports';
import { queryStrings } from '../strings/query';
import type { AuditLogQuery } from '../types';
import { EditorTools } from './EditorTools';

const texts = queryStrings;
const exports = exportStrings;

const rangeOf = (from: number, to: number): TimeRange => ({ from: dateTime(from), to: dateTime(to), raw: { from: 'now-1h', to: 'now' } });
const answer = (state: LoadingState, timeRange: TimeRange) =>
  ({ state, timeRange, series: [], request: { scopedVars: { a: { value: 'b' } } } }) as unknown as PanelData;

interface Setup {
  app?: CoreApp;
  query?: Partial<AuditLogQuery>;
  data?: PanelData;
  role?: string;
}

function setup({ app = CoreApp.Explore, query = {}, data, role = 'Editor' }: Setup = {}) {
  jest.replaceProperty(config.bootData, 'user', { orgRole: role } as typeof config.bootData.user);
  const posted: unknown[] = [];
  const fetch = ({ method, data: body }: BackendSrvRequest) => {
    if (method === 'POST') {
      posted.push(body);
      return of({ data: { id: 'a', status: 'COMPLETED' } });
    }
    return of({ data: [] });
  };
  setBackendSrv({ fetch } as unknown as BackendSrv);
  const interpolate = jest.fn((first: AuditLogQuery) => ({ ...first, query: 'filled in', datasource: { uid: 'u' } }));
  const datasource = { uid: 'u', settleSeconds: 90, applyTemplateVariables: interpolate, variableWarning: () => undefined } as unknown as AuditLogDataSource;
  const edited = jest.fn();
  render(
    <EditorTools app={app} datasource={datasource} query={{ refId: 'A', ...query }} data={data} range={rangeOf(1000, 2000)} onEdit={edited} />
  );
  return { posted, interpolate, edited, user: userEvent.setup({ delay: null }) };
}

afterEach(() => jest.restoreAllMocks());

/** Opens the panel of a tool and waits for what it reads. */
async function open(user: ReturnType<typeof userEvent.setup>, name: string) {
  await user.click(screen.getByRole('button', { name }));
  await act(() => Promise.resolve());
}

const button = (name: string) => screen.queryByRole('button', { name });

test.each([
  [CoreApp.Explore, true],
  [CoreApp.PanelEditor, true],
  [CoreApp.UnifiedAlerting, false],
  [CoreApp.CloudAlerting, false],
])('in %s', (app, exported) => {
  setup({ app });
  expect(Boolean(button(exports.open))).toBe(exported);
  expect(button(texts.alertHelp.label)).toBeInTheDocument();
});

test('annotations and variables have no tools', () => {
  setup({ app: CoreApp.Unknown });
  expect(screen.queryByRole('button')).not.toBeInTheDocument();
});

test('the export opens by keyboard, takes the focus, and Escape returns it', async () => {
  const { user } = setup();
  await user.tab();
  expect(button(exports.open)).toHaveFocus();
  await user.keyboard('{Enter}');
  await act(() => Promise.resolve());
  expect(screen.getByRole('region', { name: exports.open })).toHaveFocus();
  expect(button(exports.open)).toHaveAttribute('aria-expanded', 'true');
  await user.keyboard('{Escape}');
  expect(screen.queryByRole('region')).not.toBeInTheDocument();
  expect(button(exports.open)).toHaveFocus();
});

test.each([
  ['the time range of the answer on screen', answer(LoadingState.Done, rangeOf(5000, 6000)), { from: 5000, to: 6000 }, { a: { value: 'b' } }],
  ['the editor’s before there is an answer', undefined, { from: 1000, to: 2000 }, {}],
  ['the editor’s while the answer is a placeholder', answer(LoadingState.NotStarted, rangeOf(5000, 6000)), { from: 1000, to: 2000 }, { a: { value: 'b' } }],
])('an export takes %s, with its variables filled in', async (_, data, window, scopedVars) => {
  const { user, posted, interpolate } = setup({ data, query: { query: '$actor' } });
  await open(user, exports.open);
  await user.click(screen.getByRole('button', { name: exports.start }));
  expect(posted).toEqual([{ query: { refId: 'A', query: 'filled in' }, ...window, format: 'csv' }]);
  expect(interpolate).toHaveBeenCalledWith({ refId: 'A', query: '$actor' }, scopedVars, undefined);
});

test('an export applies the ad hoc filters of the dashboard, or says why it cannot', async () => {
  const withFilters = (...filters: object[]) => {
    const data = answer(LoadingState.Done, rangeOf(5000, 6000));
    return { ...data, request: { ...data.request, filters } } as unknown as PanelData;
  };
  const filter = { key: 'actor', operator: '=', value: 'a' };
  const first = setup({ data: withFilters(filter) });
  await open(first.user, exports.open);
  await first.user.click(screen.getByRole('button', { name: exports.start }));
  expect(first.interpolate).toHaveBeenCalledWith({ refId: 'A' }, { a: { value: 'b' } }, [filter]);
  cleanup();
  const second = setup({ data: withFilters({ ...filter, operator: '=~' }) });
  await open(second.user, exports.open);
  expect(screen.getByRole('button', { name: exports.start })).toBeDisabled();
  expect(screen.getByText(/Cannot filter actor with =~/)).toBeInTheDocument();
});

test('a queue query is not exported', async () => {
  const { user } = setup({ query: { source: 'queue' } });
  await open(user, exports.open);
  expect(screen.getByRole('button', { name: exports.start })).toBeDisabled();
  expect(screen.getByText(/Choose Search/)).toBeInTheDocument();
});

test.each([
  ['Viewer', false],
  ['Editor', true],
  ['Admin', true],
])('whether a %s may start one', async (role, may) => {
  const { user } = setup({ role });
  await open(user, exports.open);
  expect(Boolean(button(exports.start))).toBe(may);
});

test('one click turns a query into one for alerts', async () => {
  const { user, edited } = setup({ query: { queryType: 'top', groupBy: ['actor'] } });
  await open(user, texts.alertHelp.label);
  await user.click(screen.getByRole('button', { name: texts.alertHelp.use }));
  expect(edited).toHaveBeenCalledWith({ queryType: 'count', groupBy: ['account', 'address'] });
});

test('a query that already counts by account and address stays', async () => {
  const { user } = setup({ query: { queryType: 'count', groupBy: ['address', 'account'] } });
  await open(user, texts.alertHelp.label);
  expect(button(texts.alertHelp.use)).not.toBeInTheDocument();
  expect(screen.getByText(texts.alertHelp.used)).toBeInTheDocument();
});

test.each([
  [CoreApp.Explore, 'Editor', true],
  [CoreApp.Explore, 'Viewer', false],
  [CoreApp.PanelEditor, 'Editor', false],
  [CoreApp.UnifiedAlerting, 'Editor', false],
])('in %s, a %s makes a rule from the query: %s', async (app, role, makes) => {
  const { user } = setup({ app, role, query: { criteria: { actor: ['a'] } } });
  await open(user, texts.alertHelp.label);
  const link = screen.queryByRole('link', { name: texts.alertHelp.make });
  expect(Boolean(link)).toBe(makes);
  expect(decodeURIComponent(link?.getAttribute('href') ?? '').includes('"criteria":{"actor":["a"]}')).toBe(makes);
});

test('in a rule the help explains time range, settle time and states', async () => {
  const { user } = setup({ app: CoreApp.UnifiedAlerting });
  await open(user, texts.alertHelp.label);
  const help = screen.getByTestId(texts.alertHelp.container);
  expect(help).toHaveTextContent(/90 s after its time/);
  expect(help).toHaveTextContent(/No data.*Normal/);
  expect(help).toHaveTextContent(/Error.*Keep last state/);
});
