import { expect, test } from '@grafana/plugin-e2e';
import { ask, resources } from '../grafana';

/** Counts the rows of a CSV file, whose cells may hold line breaks. */
const countRows = (csv: string) => csv.replaceAll(/"[^"]*"/g, '').trimEnd().split('\n').length;

test('an export holds every event, and its manifest says so', async ({ request }) => {
  const to = Date.now() - 120_000; // settled
  const from = to - 86_400_000;
  const started = await request.post(`${resources}/exports`, { data: { query: { refId: 'A' }, from, to, format: 'csv' } });
  expect(started.status(), await started.text()).toBe(202);
  const { id } = await started.json();
  await expect
    .poll(async () => (await (await request.get(`${resources}/exports/${id}`)).json()).status, { timeout: 60_000 })
    .toBe('COMPLETED');
  const file = await (await request.get(`${resources}/exports/${id}/download`)).text();
  const { A } = await ask(request, [{ queryType: 'count' }], String(from), String(to));
  expect(countRows(file) - 1).toBe(A.frames[0].data.values[0][0]);
  const manifest = await request.get(`${resources}/exports/${id}/manifest`);
  expect(manifest.ok()).toBe(true);
  expect((await manifest.json()).complete).toBe(true);
  await request.delete(`${resources}/exports/${id}`);
});
