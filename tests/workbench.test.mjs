// The built plugin in the browser, in the workbench: once with the packages of a Grafana on React 19 and once on 18.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { launchBrowser, pageTests } from './browser.mjs';
import { addFilter, addSource, chooseMode, luceneField, openOptions, pickPreset, writeLucene } from './editor.mjs';
import { environment, startSimulator, startWorkbench } from './processes.mjs';
import { addOneOfEach } from './simulator.mjs';
import { configStrings as configEditor, presetStrings, queryStrings as queryEditor, valueStrings } from './strings.mjs';

let simulator;
let browser;

before(async () => {
  [simulator, browser] = await Promise.all([startSimulator(), launchBrowser()]);
  await addOneOfEach(simulator);
});

after(async () => {
  await browser?.close();
  await simulator?.stop();
});

for (const react of ['19', '18']) {
  describe(`on React ${react}`, () => {
    let workbench;

    before(async () => {
      workbench = await startWorkbench(react, environment(simulator));
      await addSource(workbench, simulator);
    });

    after(() => workbench?.stop());

    const inPage = pageTests(() => browser, `react${react}`);

    inPage('a data source is made in the config editor and passes its test', async (page) => {
      await page.goto(`${workbench.url}/#/config`);
      await page.getByRole('button', { name: 'Add data source' }).click();
      await fillConnection(page, simulator.keys[0]);
      await page.getByRole('button', { name: 'Save & test' }).click();
      await page.locator('[data-testid="workbench health"][role=status]').waitFor();
      assert.equal(await page.getByLabel(configEditor.apiSecret.label).isDisabled(), true, 'a saved secret is not shown');
    });

    inPage('environments are picked by mouse, one after the other', async (page) => {
      await page.goto(`${workbench.url}/#/config/tests`);
      const url = page.getByRole('combobox', { name: configEditor.url.label });
      // On React 18 an unguarded Combobox reports such a pick again and again, until React ends the editor.
      for (const index of [2, 1]) {
        await url.click();
        const option = page.getByRole('option').nth(index);
        const address = (await option.innerText()).split('\n')[0];
        await option.click();
        await page.waitForFunction(([element, wanted]) => element.value === wanted, [await url.elementHandle(), address]);
      }
    });

    inPage('a wrong secret is named as what is wrong', async (page) => {
      await page.goto(`${workbench.url}/#/config`);
      await page.getByRole('button', { name: 'Add data source' }).click();
      await fillConnection(page, { ...simulator.keys[0], apiSecret: 'NOTTHERIGHTSECRETATALL24' });
      await page.getByRole('button', { name: 'Save & test' }).click();
      const health = page.locator('[data-testid="workbench health"][role=alert]');
      await health.waitFor();
      assert.match(await health.innerText(), /API (ID|key|secret)|secret/i);
    });

    inPage('a Lucene query shows logs and says what it cost', async (page) => {
      await openExplore(page, workbench);
      await writeLucene(page, 'description:logged');
      const lines = page.getByTestId('workbench logs').getByRole('listitem');
      await lines.first().waitFor();
      for (const line of await lines.allInnerTexts()) {
        assert.match(line, /logged/i);
      }
      await lines.first().click();
      await page.getByRole('term').filter({ hasText: /^actor$/ }).first().waitFor();
      await page.getByRole('button', { name: 'Inspector' }).click();
      const inspector = await page.getByTestId('workbench inspector').innerText();
      assert.match(inspector, /description:logged/);
      assert.match(inspector, /API calls/);
    });

    inPage('the same query as a series draws a chart', async (page) => {
      await openExplore(page, workbench);
      await page.getByRole('radio', { name: 'Over time' }).click({ force: true });
      await page.getByTestId('workbench chart').locator('canvas').waitFor();
      assert.ok((await inkOf(page)) > 0, 'nothing is drawn on the canvas');
    });

    inPage('group by survives picks and splits the series', async (page) => {
      await openExplore(page, workbench);
      await page.getByRole('radio', { name: 'Over time' }).click({ force: true });
      const groupBy = page.getByRole('combobox', { name: queryEditor.groupBy.label });
      for (const [label, name] of [['Actor', 'actor'], ['Category', 'category']]) {
        await groupBy.fill(label);
        await page.getByRole('option', { name: new RegExp(`^${label}\\b`) }).first().click();
        await column(page, name).waitFor();
      }
      await page.getByTestId('workbench chart').locator('canvas').waitFor();
    });

    inPage('counts and top lists are tables', async (page) => {
      await openExplore(page, workbench);
      await page.getByRole('radio', { name: 'Count' }).click({ force: true });
      await column(page, 'count').waitFor();
      await page.getByRole('radio', { name: 'Top list' }).click({ force: true });
      for (const name of ['account', 'count', 'first', 'last']) {
        await column(page, name).waitFor();
      }
    });

    inPage('events as a table have the columns of the contract', async (page) => {
      await openExplore(page, workbench);
      await openOptions(page);
      await page.getByRole('radio', { name: 'Table' }).click({ force: true });
      await page.getByRole('columnheader', { name: 'create_time' }).first().waitFor();
      for (const column of ['actor', 'actor_ip', 'description', 'category']) {
        assert.ok((await page.getByRole('columnheader', { name: column }).count()) > 0, column);
      }
    });

    inPage('a filter is added with the keyboard, narrows the answer and is removed', async (page) => {
      await openExplore(page, workbench);
      await page.getByRole('button', { name: queryEditor.filters.add }).press('Enter');
      const controls = page.getByTestId(queryEditor.filters.row).getByRole('combobox');
      await controls.first().fill('Outcome');
      await waitForOptions(page, 1);
      await page.keyboard.press('Enter');
      await page.waitForFunction((element) => element.value === 'Outcome', await controls.first().elementHandle());
      await controls.last().fill('success');
      await page.getByRole('option', { name: 'failure' }).waitFor({ state: 'detached' });
      await page.getByRole('option', { name: 'success' }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      const line = page.getByTestId('workbench logs').getByRole('listitem').first();
      await line.click();
      await line.getByRole('definition').filter({ hasText: /^success$/ }).waitFor();
      await page.getByRole('button', { name: queryEditor.filters.remove(1) }).press('Enter');
      await page.getByTestId(queryEditor.filters.row).waitFor({ state: 'detached' });
    });

    inPage('the values of a filter are suggested with their counts, and narrow the answer', async (page) => {
      await openExplore(page, workbench);
      await page.getByRole('button', { name: queryEditor.filters.add }).click();
      await page.getByRole('combobox', { name: queryEditor.filters.values(1) }).click();
      const option = page.getByRole('option').filter({ hasText: /\d events/ }).first();
      const [account] = (await option.innerText()).split('\n');
      await option.click();
      await page.getByRole('button', { name: queryEditor.filters.close(1) }).click();
      await page.getByTestId(queryEditor.filters.chip).filter({ hasText: account }).waitFor();
      const line = page.getByTestId('workbench logs').getByRole('listitem').first();
      await line.click();
      await line.getByRole('definition').getByText(account, { exact: true }).first().waitFor();
    });

    inPage('an account in another case is noticed, and a pattern of addresses becomes a network', async (page) => {
      await openExplore(page, workbench);
      await page.getByRole('button', { name: 'Run query' }).click();
      const line = page.getByTestId('workbench logs').getByRole('listitem').filter({ hasText: '@' }).first();
      await line.click();
      const actor = await line.locator('div', { has: page.getByRole('term').getByText('actor', { exact: true }) }).getByRole('definition').first().innerText();
      const field = page.getByRole('combobox', { name: queryEditor.filters.field(1) });
      await page.getByRole('button', { name: queryEditor.filters.add }).click();
      await field.fill('Actor');
      await page.getByRole('option', { name: /^Actor\b/ }).first().click();
      await page.waitForFunction((element) => element.value === 'Actor', await field.elementHandle());
      const values = page.getByRole('combobox', { name: queryEditor.filters.values(1) });
      await values.fill(actor.toUpperCase());
      await values.press('Enter');
      await page.getByRole('button', { name: valueStrings.didYouMean(actor) }).click();
      await page.getByTestId(queryEditor.filters.row).getByText(actor, { exact: true }).waitFor();
      await page.getByRole('button', { name: queryEditor.filters.remove(1) }).click();
      await page.getByRole('button', { name: queryEditor.filters.add }).click();
      await field.fill('Address');
      await page.getByRole('option', { name: /^Address\b/ }).first().click();
      await page.waitForFunction((element) => element.value === 'Address', await field.elementHandle());
      await values.fill('203.0.113.*');
      await values.press('Enter');
      await page.getByTestId(queryEditor.filters.row).getByText('203.0.113.0/24', { exact: true }).waitFor();
    });

    inPage('on a small screen, log lines are in view below a preset with three filters', async (page) => {
      await page.setViewportSize({ width: 1024, height: 800 });
      await openExplore(page, workbench);
      await pickPreset(page, presetStrings.failedLogins.title);
      await addFilter(page, 'Severity', 'warning');
      const line = page.getByTestId('workbench logs').getByRole('listitem').first();
      await line.waitFor();
      const [editor, { y }] = [await page.getByTestId(queryEditor.container).boundingBox(), await line.boundingBox()];
      assert.ok(editor.height <= 200, `the editor is ${editor.height} px high`);
      assert.ok(y < 500, `the first line begins at ${y} px`);
    });

    inPage('builder and code show the same query, by mouse and by keyboard', async (page) => {
      await openExplore(page, workbench);
      await addFilter(page, 'Outcome', 'success');
      await chooseMode(page, 'Code');
      await luceneField(page).click();
      await page.keyboard.insertText('description:logged AND flagged:true');
      await chooseMode(page, 'Builder');
      const chip = page.getByTestId(queryEditor.lucene.chip);
      await chip.filter({ hasText: 'description:logged AND flagged:true' }).waitFor();
      await page.getByTestId(queryEditor.filters.chip).filter({ hasText: 'success' }).waitFor();
      await page.getByRole('button', { name: queryEditor.lucene.move }).press('Enter');
      await page.getByTestId(queryEditor.filters.chip).filter({ hasText: 'Flagged: yes' }).waitFor();
      await chip.getByRole('button').first().press('Enter');
      await page.waitForFunction(() => document.activeElement?.closest('.monaco-editor'));
      assert.equal(await luceneField(page).locator('.view-lines').innerText(), 'description:logged');
      assert.equal(await page.getByTestId(queryEditor.filters.chip).count(), 2);
      await page.getByTestId(queryEditor.mode.testId).getByRole('radio', { name: 'Code' }).press('ArrowLeft');
      await chip.waitFor();
    });

    inPage('a malformed Lucene text is explained in words', async (page) => {
      await openExplore(page, workbench);
      await writeLucene(page, 'description:(login OR');
      const alert = page.getByTestId('workbench result').getByRole('alert');
      await alert.waitFor();
      assert.match(await alert.innerText(), /syntax|malformed|query/i);
    });

    inPage('a viewer may look but not save', async (page) => {
      await page.goto(`${workbench.url}/?role=Viewer&theme=light#/config/tests`);
      await page.getByRole('button', { name: 'Save & test' }).click();
      const refusal = page.locator('[data-testid="workbench health"][role=alert]');
      await refusal.waitFor();
      assert.match(await refusal.innerText(), /only .*admin/);
      await page.goto(`${workbench.url}/?role=Viewer&theme=light#/explore/tests`);
      await page.getByRole('button', { name: 'Run query' }).click();
      await page.getByTestId('workbench logs').waitFor();
    });
  });
}

async function fillConnection(page, { apiId, apiSecret }) {
  const url = page.getByRole('combobox', { name: configEditor.url.label });
  // Enter takes the text as typed, also while the list still shows other options.
  await url.fill(simulator.url);
  await url.press('Enter');
  await page.getByLabel(configEditor.orgKey.label).fill(simulator.orgKey);
  await page.getByLabel(configEditor.apiId.label).fill(apiId);
  await page.getByLabel(configEditor.apiSecret.label).fill(apiSecret);
}

/** The head of a column in the answer; its name ends the label "Sort by column …". */
function column(page, name) {
  return page.getByTestId('workbench result').getByRole('columnheader', { name: new RegExp(`(^| )${name}$`) });
}

async function openExplore(page, workbench) {
  await page.goto(`${workbench.url}/#/explore/tests`);
  await page.getByTestId(queryEditor.container).waitFor();
}

/** Waits until a list shows so many options: it lags behind the text that filters it. */
function waitForOptions(page, count) {
  return page.waitForFunction((wanted) => document.querySelectorAll('[role=option]').length === wanted, count);
}

/** How many pixels of the chart are not transparent. */
async function inkOf(page) {
  return page
    .getByTestId('workbench chart')
    .locator('canvas')
    .first()
    .evaluate((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, index) => index % 4 === 3 && value > 0).length;
    });
}
