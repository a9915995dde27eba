import type { Page } from '@playwright/test';
import { expect, test } from '@grafana/plugin-e2e';
import { editorStrings, explore, queriesIn, type Query } from '../grafana';

const { queryStrings, contextStrings, labelGroupStrings } = editorStrings;

/** Opens Explore with a query and waits for its log. */
async function openLog(page: Page, query: Query = {}) {
  await page.goto(explore({ queryType: 'events', ...query }));
  await expect(line(page)).toBeVisible();
}

const line = (page: Page) => page.locator('.log-line-body').first();

/** Opens the details of the first line. Grafana draws the lines anew while answers arrive, so a click may be lost. */
async function openDetails(page: Page) {
  const button = page.getByRole('button', { name: /^Filter for value/ }).first();
  await expect(async () => {
    if (!(await button.isVisible())) {
      await line(page).click({ force: true, timeout: 5_000 });
    }
    await expect(button).toBeVisible({ timeout: 5_000 });
  }).toPass();
}

/** Clicks in the details on what to do with a label: on the button that is alone in the row of the label. */
function onLabel(page: Page, label: string, name: string) {
  const button = `button[starts-with(@aria-label, "${name}")]`;
  return page.locator(`xpath=//*[normalize-space(text())="${label}"]/ancestor::*[count(.//${button})=1][1]//${button}`).first().click();
}

const firstQuery = (page: Page) => queriesIn(page.url())[0];

test('the log has its volume in the colors of severities', async ({ page }) => {
  const series = page.waitForResponse((r) => r.url().includes('/api/ds/query') && (r.request().postData() ?? '').includes('"groupBy":["severity"]'));
  await openLog(page);
  expect((await series).ok()).toBe(true);
});

test('the details of a line group its labels and change the filters', async ({ page }) => {
  await openLog(page, { criteria: { category: ['authentication'] } });
  await openDetails(page);
  for (const group of [labelGroupStrings.who, labelGroupStrings.what]) {
    await expect(page.getByText(group, { exact: true }).first()).toBeVisible();
  }
  await onLabel(page, 'outcome', 'Filter out value');
  await expect.poll(() => firstQuery(page).exclusions).toEqual({ outcome: [expect.any(String)] });
  await openDetails(page);
  await onLabel(page, 'action', 'Filter for value');
  await expect.poll(() => firstQuery(page).criteria).toEqual({ category: ['authentication'], action: ['login'] });
  expect(firstQuery(page).query ?? '').toBe('');
});

test('selected text becomes a filter of the description', async ({ page }) => {
  await openLog(page, { criteria: { action: ['login'] } });
  await expect(async () => {
    const box = await line(page).boundingBox({ timeout: 5_000 });
    await page.mouse.move(box!.x + 80, box!.y + 8);
    await page.mouse.down();
    await page.mouse.move(box!.x + 400, box!.y + 8, { steps: 5 });
    await page.mouse.up();
    await expect(page.getByText('Add as line contains filter')).toBeVisible({ timeout: 5_000 });
  }).toPass();
  await page.getByText('Add as line contains filter').click();
  await expect.poll(() => firstQuery(page).criteria).toEqual({ action: ['login'], description: [expect.not.stringMatching(/^(INFO|WARN|ERROR) /)] });
});

test('a line has its context, which can be narrowed and opened beside the log', async ({ page }) => {
  await openLog(page, { criteria: { action: ['login'] } });
  await page.getByRole('button', { name: 'Log menu' }).first().click();
  await page.getByRole('menuitem', { name: 'Show context' }).click();
  const dialog = page.getByRole('dialog');
  const narrowed = page.waitForRequest((r) => r.url().includes('/api/ds/query') && /log-context-A.*"account":\[/.test(r.postData() ?? ''));
  await dialog.getByRole('radio', { name: contextStrings.scopes.account }).check({ force: true });
  await narrowed;
  await dialog.getByRole('button', { name: 'Open in split view' }).click();
  await expect.poll(() => queriesIn(page.url()).length).toBe(2);
  expect(queriesIn(page.url())[1].criteria).toEqual({ account: [expect.any(String)] });
});

test('scrolling reads on, without loss or repetition', async ({ page }) => {
  await openLog(page, { limit: 60 });
  const more = page.waitForResponse((r) => r.url().includes('/api/ds/query') && (r.request().postData() ?? '').includes('"infiniteScroll"'));
  await line(page).hover();
  await expect(async () => {
    await page.mouse.wheel(0, 1500);
    await expect(page.getByText(/^120 lines/).first()).toBeVisible({ timeout: 1000 });
  }).toPass();
  const { A } = (await (await more).json()).results;
  const ids: string[] = A.frames[0].data.values[A.frames[0].schema.fields.findIndex((field: { name: string }) => field.name === 'id')];
  expect(new Set(ids).size).toBe(ids.length);
});

for (const [queryType, groupBy, seen] of [
  ['count', ['category'], 'authentication'],
  ['top', ['account'], '@example.com'],
  ['firstSeen', ['account', 'address'], 'address'],
] as const) {
  test(`a table of ${queryType} names its groups, above some of the events`, async ({ page }) => {
    const sample = page.waitForRequest((r) => r.url().includes('/api/ds/query') && (r.postData() ?? '').includes('log-sample-A'));
    await page.goto(explore({ queryType, groupBy, baseline: '7d' }));
    await expect(page.getByRole('grid').or(page.getByRole('table')).first()).toContainText(seen);
    await page.getByRole('button', { name: 'Logs sample' }).last().click();
    await sample;
  });
}

test('a query becomes an alert rule', async ({ page }) => {
  await openLog(page, { criteria: { outcome: ['failure'] } });
  await page.getByRole('button', { name: queryStrings.alertHelp.label }).click();
  const link = page.getByRole('link', { name: queryStrings.alertHelp.make });
  const href = await link.getAttribute('href');
  await page.goto(href!);
  await expect(page.getByTestId(queryStrings.container)).toBeVisible();
  await expect(page.getByTestId(queryStrings.container)).toContainText('failure');
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
