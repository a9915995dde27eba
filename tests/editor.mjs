// What somebody does with the query editor.
import { queryStrings as texts } from './strings.mjs';

/** Writes into the Lucene field, which is folded while it is empty, and runs it by the keyboard. */
export async function writeLucene(page, text) {
  const field = page.getByTestId(texts.lucene.testId).locator('.monaco-editor[role=code]');
  const open = page.getByRole('button', { name: texts.lucene.open, exact: true });
  await field.or(open).first().waitFor();
  if (await open.isVisible()) {
    await open.click();
  }
  await field.click();
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
