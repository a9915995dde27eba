// What somebody does with the query editor.
import assert from 'node:assert/strict';

import { queryStrings as texts } from './strings.mjs';

/** Chooses the builder or the code by mouse. */
export async function chooseMode(page, name) {
  await page.getByTestId(texts.mode.testId).getByRole('radio', { name, exact: true }).click({ force: true });
}

/** Returns the Lucene field, also while it is not there. */
export function luceneField(page) {
  return page.getByTestId(texts.lucene.testId).locator('.monaco-editor[role=code]');
}

/** Writes into the Lucene field, which the builder hides, and runs it by the keyboard. */
export async function writeLucene(page, text) {
  await chooseMode(page, 'Code');
  await luceneField(page).click();
  await page.keyboard.insertText(text);
  await page.keyboard.press('Shift+Enter');
}

/** Opens the options of the query, such as its format. */
export async function openOptions(page) {
  await page.getByTestId(texts.options.testId).click();
  await page.getByRole('group', { name: texts.options.label, exact: true }).waitFor();
}

/** Adds a filter by mouse: the field, and one of its values. */
export async function addFilter(page, field, value) {
  await page.getByRole('button', { name: texts.filters.add }).click();
  const controls = page.getByTestId(texts.filters.row).getByRole('combobox');
  await controls.first().fill(field);
  await page.getByRole('option', { name: new RegExp(`^${field}\\b`) }).first().click();
  await page.waitForFunction(([element, label]) => element.value === label, [await controls.first().elementHandle(), field]);
  await controls.last().fill(value);
  await page.getByRole('option', { name: new RegExp(`^${value}\\b`) }).first().click();
  await page.getByTestId(texts.filters.row).getByRole('button', { name: /^Done/ }).click();
  await page.getByTestId(texts.filters.chip).filter({ hasText: value }).waitFor();
}

/** Picks a preset. */
export async function pickPreset(page, title) {
  await page.getByTestId(texts.presets.testId).click();
  await page.getByRole('menuitem', { name: new RegExp(`^${title}`) }).first().click();
}

/** Adds a data source "tests", which is not provisioned and so can be edited, for a simulator's key that may do everything. */
export async function addSource(workbench, { url, orgKey, keys: [{ apiId, apiSecret }] }) {
  const response = await fetch(`${workbench.url}/api/datasources`, {
    method: 'POST',
    body: JSON.stringify({
      uid: 'tests',
      name: 'Tests',
      type: 'carbonblack-auditlog-datasource',
      url,
      jsonData: { orgKey, apiId },
      secureJsonData: { apiSecret },
    }),
  });
  assert.equal(response.status, 200, await response.text());
}
