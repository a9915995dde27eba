import { expect, test } from '@grafana/plugin-e2e';
import { explore } from '../grafana';

test('Explore shows logs, their volume and their context', async ({ page }) => {
  const volume = page.waitForResponse((r) => r.url().includes('/api/ds/query') && (r.request().postData() ?? '').includes('"series"'));
  await page.goto(explore({ queryType: 'events' }));
  expect((await volume).ok()).toBe(true);
  const rows = page.getByTestId(/logRows|log-row|data-testid Logs/i).or(page.locator('[data-testid="logRows"], .logs-rows, [class*="logs-row"]'));
  await expect(rows.first()).toBeVisible();
});

test('Explore shows a table', async ({ page, explorePage }) => {
  await page.goto(explore({ queryType: 'top', groupBy: ['actor'] }));
  await expect(explorePage.tablePanel.locator).toBeVisible();
  await expect(explorePage.tablePanel.fieldNames).toContainText(['actor']);
});

test('a live tail connects', async ({ page }) => {
  const sockets: string[] = [];
  page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      sockets.push(String(payload));
    })
  );
  await page.goto(explore({ queryType: 'events' }));
  await page.getByRole('button', { name: /^Live$|^Start live stream/ }).click();
  await expect.poll(() => sockets.some((text) => text.includes('/tail/')), { timeout: 30_000 }).toBe(true);
  await page.getByRole('button', { name: 'Exit live mode' }).first().click();
});
