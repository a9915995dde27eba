import { expect, test } from '@grafana/plugin-e2e';
import { configStrings } from '../../../src/strings/config';
import { cloud, pluginType, uid } from '../grafana';

test('the provisioned data source passes its test', async ({ request }) => {
  const response = await request.get(`/api/datasources/uid/${uid}/health`);
  expect(response.status(), await response.text()).toBe(200);
});

for (const [name, secret, works] of [
  ['the right secret', cloud.apiSecret, true],
  ['a wrong secret', 'WRONGWRONGWRONGWRONGWRO1', false],
] as const) {
  test(`Save & test with ${name}`, async ({ createDataSourceConfigPage, page }) => {
    const configPage = await createDataSourceConfigPage({ type: pluginType });
    const url = page.getByRole('combobox', { name: configStrings.url.label });
    await url.fill(cloud.url);
    await url.press('Enter');
    await page.getByTestId(configStrings.orgKey.testId).fill(cloud.orgKey);
    await page.getByTestId(configStrings.apiId.testId).fill(cloud.apiId);
    await page.getByTestId(configStrings.apiSecret.testId).fill(secret);
    const response = await configPage.saveAndTest();
    expect(response.ok()).toBe(works);
    await expect(configPage).toHaveAlert(works ? 'success' : 'error');
  });
}

test('the settings switch between an API key and an OAuth app, and ask before the queue is read', async ({ createDataSourceConfigPage, page }) => {
  await createDataSourceConfigPage({ type: pluginType });
  await page.getByRole('radio', { name: configStrings.authMethod.oauthApp }).check({ force: true });
  await expect(page.getByTestId(configStrings.oauthAppId.testId)).toBeVisible();
  await expect(page.getByTestId(configStrings.apiId.testId)).toHaveCount(0);
  await page.getByRole('radio', { name: configStrings.authMethod.apiKey }).check({ force: true });
  await expect(page.getByTestId(configStrings.apiId.testId)).toBeVisible();
  await page.getByTestId(configStrings.queue.testId).click();
  const queue = page.getByRole('switch', { name: configStrings.queueEnabled.label });
  await queue.click({ force: true });
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await expect(queue).not.toBeChecked();
  await queue.click({ force: true });
  await page.getByRole('dialog').getByRole('button', { name: configStrings.queueConfirm.confirm }).click();
  await expect(queue).toBeChecked();
});
