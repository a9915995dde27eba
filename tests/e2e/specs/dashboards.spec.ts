import { expect, test } from '@grafana/plugin-e2e';
import { panel, saveDashboard } from '../grafana';

for (const name of ['overview', 'access', 'changes', 'response', 'person', 'address', 'plugin', 'public']) {
  test(`the dashboard ${name} shows no error`, async ({ gotoDashboardPage, page }) => {
    const failed: string[] = [];
    page.on('response', async (response) => {
      if (response.url().includes('/api/ds/query') && !response.ok()) {
        failed.push(await response.text());
      }
    });
    const answered = page.waitForResponse((r) => r.url().includes('/api/ds/query')); // before the page, which may be quick
    await gotoDashboardPage({ uid: `cbc-audit-${name}` });
    await answered;
    await page.waitForLoadState('networkidle');
    expect(failed).toEqual([]);
    await expect(page.getByTestId(/Panel status error/)).toHaveCount(0);
  });
}

test('a public dashboard shows its panels, and gives access to nothing else', async ({ request, browser, baseURL }) => {
  const uid = await saveDashboard(request, {
    uid: 'e2e-public',
    title: 'e2e public',
    time: { from: 'now-24h', to: 'now' },
    panels: [panel('stat', 'Events', { queryType: 'count' })],
  });
  const created = await request.post(`/api/dashboards/uid/${uid}/public-dashboards`, { data: { isEnabled: true, share: 'public' } });
  expect(created.status(), 'public dashboards must be switched on in this Grafana').not.toBe(404);
  const existing = created.ok() ? created : await request.get(`/api/dashboards/uid/${uid}/public-dashboards`);
  const { accessToken } = await existing.json();
  const visitor = await browser.newContext({ baseURL, storageState: { cookies: [], origins: [] } });
  const answer = await visitor.request.post(`/api/public/dashboards/${accessToken}/panels/1/query`, { data: { intervalMs: 60_000, maxDataPoints: 100 } });
  expect(answer.status(), await answer.text()).toBe(200);
  expect((await answer.json()).results.A.frames[0].data.values[0][0]).toBeGreaterThan(0);
  await visitor.close();
});
