import { config, setBackendSrv, type BackendSrv, type BackendSrvRequest } from '@grafana/runtime';
import { act, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { of, throwError } from 'rxjs';
import { exportStrings } from '../strings/exports';
import { downloadUrl, manifestUrl } from './api';
import { ExportPanel } from './ExportPanel';
import { saveFile } from './saveFile';

jest.mock('./saveFile');

const texts = exportStrings;
const HASH = 'ab'.repeat(32);

type Route = (request: BackendSrvRequest) => unknown;

let tests = 0;

interface Setup {
  routes?: Record<string, Route>;
  mayChange?: boolean;
  obstacle?: string;
  warning?: string;
  query?: () => { refId: string };
}

/** Every test has a data source of its own, as the list of one outlives its editors. */
async function setup({ routes = {}, mayChange = true, obstacle, warning, query = () => ({ refId: 'A' }) }: Setup = {}) {
  const uid = `u/${++tests}`;
  const requests: BackendSrvRequest[] = [];
  const base = `/api/datasources/uid/u%2F${tests}/resources/`;
  const fetch = (request: BackendSrvRequest) => {
    requests.push(request);
    const route = routes[`${request.method} ${request.url.replace(base, '')}`];
    try {
      return of({ data: route?.(request) ?? [] });
    } catch (error) {
      return throwError(() => error);
    }
  };
  setBackendSrv({ fetch } as unknown as BackendSrv);
  jest.mocked(saveFile).mockClear();
  render(<ExportPanel uid={uid} mayChange={mayChange} query={query} range={{ from: 1000, to: 2000 }} obstacle={obstacle} warning={warning} />);
  await act(() => Promise.resolve()); // the list has come
  return { requests, user: userEvent.setup({ delay: null }) };
}

const refuse = (status: number, error: string) => () => {
  throw { status, data: { error }, config: {} };
};
const query = { refId: 'A', criteria: { outcome: ['failure'] } };
const ready = { id: 'a', status: 'COMPLETED', format: 'csv', createdAt: 1, total: 3, query, who: 'jane' };
const start = () => screen.getByRole('button', { name: texts.start });

test('an export is started for the query and window, and shown', async () => {
  const created = { ...ready, id: 'new', status: 'IN_PROGRESS', format: 'json', total: 4, completed: 1 };
  const { requests, user } = await setup({ routes: { 'POST exports': () => created } });
  await user.click(screen.getByRole('radio', { name: 'JSON' }));
  await user.click(start());
  const post = requests.find(({ method }) => method === 'POST');
  expect(post).toMatchObject({ data: { query: { refId: 'A' }, from: 1000, to: 2000, format: 'json' }, showErrorAlert: false });
  const bar = await screen.findByRole('progressbar', { name: 'Events where outcome is failure' });
  expect(bar).toHaveAttribute('value', '1');
  expect(bar).toHaveAttribute('max', '4');
  expect(screen.getByText('1 of 4 rows')).toBeInTheDocument();
  expect(screen.getByRole('status')).toHaveTextContent('1 running');
});

test('a job that does not report its rows has a bar without a value', async () => {
  await setup({ routes: { 'GET exports': () => [{ ...ready, status: 'IN_PROGRESS', total: null }] } });
  expect(await screen.findByRole('progressbar')).not.toHaveAttribute('value');
});

test('a refusal is shown with its message', async () => {
  const { user } = await setup({ routes: { 'POST exports': refuse(400, 'the key lacks jobs.status') } });
  await user.click(start());
  expect(await screen.findByRole('alert')).toHaveTextContent('the key lacks jobs.status');
});

test('variables that cannot be filled in are reported, and nothing is sent', async () => {
  const query = () => {
    throw new Error('too many combinations');
  };
  const { requests, user } = await setup({ query });
  await user.click(start());
  expect(await screen.findByRole('alert')).toHaveTextContent('too many combinations');
  expect(requests.filter(({ method }) => method === 'POST')).toEqual([]);
});

test('an obstacle is shown before the start', async () => {
  await setup({ obstacle: 'Choose Search.' });
  expect(start()).toBeDisabled();
  expect(screen.getByText('Choose Search.')).toBeInTheDocument();
});

test('a viewer downloads and changes nothing', async () => {
  await setup({ mayChange: false, routes: { 'GET exports': () => [ready] } });
  const link = await screen.findByRole('link', { name: /Download CSV/ });
  expect(link).toHaveAttribute('href', expect.stringContaining('/exports/a/download?safe=true'));
  expect(screen.queryByRole('button', { name: texts.start })).not.toBeInTheDocument();
  expect(screen.queryByRole('button', { name: /Remove|Cancel/ })).not.toBeInTheDocument();
  expect(screen.getByText(texts.viewers)).toBeInTheDocument();
});

test('a download is a link that Grafana leaves to the browser, and the switch decides about formulas', async () => {
  const { user } = await setup({ routes: { 'GET exports': () => [ready, { ...ready, id: 'j', format: 'json' }] } });
  const table = await screen.findByRole('link', { name: /Download CSV/ });
  expect(table).toHaveAttribute('target', '_self');
  expect(table).toHaveAttribute('download');
  await user.click(screen.getByRole('switch', { name: texts.safe }));
  expect(table).toHaveAttribute('href', expect.stringContaining('/a/download?safe=false'));
  expect(screen.getByText(texts.unsafeHint)).toBeInTheDocument();
  expect(screen.getByRole('link', { name: /Download JSON/ })).toHaveAttribute('href', expect.stringContaining('/j/download?safe=false'));
});

test('links carry the sub-path of Grafana and the organization, and ids cannot leave their path', async () => {
  jest.replaceProperty(config, 'appSubUrl', '/grafana');
  jest.replaceProperty(config.bootData, 'user', { orgId: 7 } as typeof config.bootData.user);
  const base = '/grafana/api/datasources/uid/u/resources/exports';
  expect(downloadUrl('u', '../a?b#c', { safe: true, excel: false })).toBe(`${base}/..%2Fa%3Fb%23c/download?safe=true&orgId=7`);
  expect(downloadUrl('u', 'a', { safe: true, excel: true })).toBe(`${base}/a/download?safe=true&excel=true&orgId=7`);
  expect(manifestUrl('u', 'a', { safe: false, excel: false })).toBe(`${base}/a/manifest?safe=false&orgId=7`);
  jest.restoreAllMocks();
});

describe('a click on a download', () => {
  it('saves the file once the export is known to be there', async () => {
    const { user, requests } = await setup({ routes: { 'GET exports': () => [ready], 'GET exports/a': () => ready } });
    await user.click(await screen.findByRole('link', { name: /Download CSV/ }));
    expect(requests.at(-1)?.url).toMatch(/exports\/a$/);
    expect(jest.mocked(saveFile).mock.calls).toEqual([[expect.stringContaining('/exports/a/download?safe=true')]]);
  });

  it.each([
    [404, 'not found', /no longer available/],
    [403, 'no access to this data source', /no access/],
    [502, 'bad gateway', /bad gateway/],
  ])('shows an error of status %i in the list instead of leaving the page', async (status, message, shown) => {
    const { user } = await setup({ routes: { 'GET exports': () => [ready], 'GET exports/a': refuse(status, message) } });
    await user.click(await screen.findByRole('link', { name: /Download CSV/ }));
    expect(await screen.findByRole('alert')).toHaveTextContent(shown);
    expect(saveFile).not.toHaveBeenCalled();
  });
});

test('For Excel is off at first, and adds a byte order mark to CSV files and their manifests only', async () => {
  const manifest = jest.fn(() => ({ complete: true }));
  const routes = { 'GET exports': () => [ready, { ...ready, id: 'j', format: 'json' }], 'GET exports/a/manifest?safe=true&excel=true': manifest };
  const { user } = await setup({ routes });
  const table = await screen.findByRole('link', { name: /Download CSV/ });
  expect(table.getAttribute('href')).not.toContain('excel');
  await user.click(screen.getByRole('checkbox', { name: texts.excel }));
  expect(table).toHaveAttribute('href', expect.stringContaining('/a/download?safe=true&excel=true&orgId='));
  expect(screen.getByText(new RegExp(texts.excelHint))).toBeInTheDocument();
  expect(screen.getByRole('link', { name: /Download JSON/ }).getAttribute('href')).not.toContain('excel');
  await user.click(screen.getAllByRole('button', { name: /^Manifest/ })[0]);
  expect(manifest).toHaveBeenCalledTimes(1);
});

test('a warning about the query is shown before the start', async () => {
  await setup({ warning: 'Events may be missing.' });
  expect(screen.getByText('Events may be missing.')).toBeInTheDocument();
});

test('the manifest shows what proves the file, for the file that is downloaded', async () => {
  const facts = { rows: 3, received: 3, count: 3, complete: true, note: 'as many as it counted', bytes: 2048, sha256: HASH, job: '4711' };
  const { user } = await setup({ routes: { 'GET exports': () => [ready], 'GET exports/a/manifest?safe=true': () => facts } });
  await user.click(await screen.findByRole('button', { name: /^Manifest/ }));
  const box = await screen.findByTestId(texts.manifestBox);
  expect(box).toHaveTextContent('Complete: 3 of 3 rows');
  expect(box).toHaveTextContent('As many as it counted.');
  expect(box).toHaveTextContent('3 rows, 2.0 KiB');
  expect(box).toHaveTextContent('4711');
  expect(within(box).getByText(HASH)).toBeInTheDocument();
  expect(within(box).getByRole('button', { name: texts.copyHash })).toBeInTheDocument();
});

test('a manifest that cannot be read is reported', async () => {
  const routes = { 'GET exports': () => [ready], 'GET exports/a/manifest?safe=true': refuse(502, 'the file broke off') };
  const { user } = await setup({ routes });
  await user.click(await screen.findByRole('button', { name: /^Manifest/ }));
  expect(await screen.findByText('the file broke off')).toBeInTheDocument();
});

test('a running export is cancelled, a finished one removed', async () => {
  const running = { ...ready, id: 'r', status: 'IN_PROGRESS' };
  const { user, requests } = await setup({ routes: { 'GET exports': () => ({ exports: [ready, running] }) } });
  await user.click(await screen.findByRole('button', { name: /^Cancel/ }));
  await user.click(screen.getByRole('button', { name: /^Remove/ }));
  expect(requests.filter(({ method }) => method === 'DELETE').map(({ url }) => url.replace(/.*\//, ''))).toEqual(['r', 'a']);
  expect(screen.queryByTestId(texts.row)).not.toBeInTheDocument();
});

test('a failed export shows its reason, and one created by searches a note', async () => {
  const failed = { ...ready, id: 'f', status: 'FAILED', error: 'the job ran out of memory' };
  const reason = 'it cannot filter by category';
  const searched = { ...ready, id: 's', kind: 'search', reason, message: `made by searches: ${reason}` };
  await setup({ routes: { 'GET exports': () => [failed, { ...ready, id: 'e', status: 'EXPIRED' }, searched] } });
  expect(await screen.findByText('the job ran out of memory')).toBeInTheDocument();
  expect(screen.getByText(texts.expired)).toBeInTheDocument();
  expect(screen.getByText('Made by searches: it cannot filter by category.')).toBeInTheDocument();
  expect(screen.getAllByRole('link')).toHaveLength(1);
});

test('a list that cannot be read is reported', async () => {
  await setup({ routes: { 'GET exports': refuse(429, 'resumes at 12:00') } });
  expect(await screen.findByRole('alert')).toHaveTextContent('resumes at 12:00');
});
