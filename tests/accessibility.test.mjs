// What axe finds in the editors and pages of the built plugin, dark and light. Grafana's own pages around them are not its matter.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before } from 'node:test';

import { launchBrowser, pageTests } from './browser.mjs';
import { addFilter, addSource, chooseMode, openOptions, writeLucene } from './editor.mjs';
import { environment, startSimulator, startWorkbench } from './processes.mjs';
import { configStrings, exportStrings, queryStrings as texts } from './strings.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

let simulator;
let workbench;
let browser;

before(async () => {
  [simulator, browser] = await Promise.all([startSimulator(), launchBrowser()]);
  workbench = await startWorkbench('19', environment(simulator));
  await addSource(workbench, simulator);
});

after(async () => {
  await browser?.close();
  await workbench?.stop();
  await simulator?.stop();
});

const inPage = pageTests(() => browser, 'axe');

for (const theme of ['dark', 'light']) {
  const open = async (page, path) => {
    await page.emulateMedia({ reducedMotion: 'reduce' }); // What fades in has less contrast on its way.
    await page.goto(`${workbench.url}/?theme=${theme}#/${path}/tests`);
    await page.addScriptTag({ path: axe });
  };

  inPage(`the config page in ${theme}`, async (page) => {
    await open(page, 'config');
    const url = page.getByRole('combobox', { name: configStrings.url.label });
    await url.waitFor();
    await check(page, 'as stored');
    await url.fill('http://example.org');
    await url.press('Enter');
    await page.getByRole('alert').first().waitFor();
    await check(page, 'with a wrong URL');
  });

  inPage(`the query editor in ${theme}`, async (page) => {
    await open(page, 'explore');
    await page.getByTestId(texts.container).waitFor();
    await openOptions(page);
    await addFilter(page, 'Outcome', 'success');
    for (const { label } of ['events', 'count', 'series', 'top', 'firstSeen'].map((type) => texts.queryType.choices[type])) {
      await page.getByTestId(texts.queryType.testId).getByRole('radio', { name: label, exact: true }).click({ force: true });
      await check(page, label);
    }
    await writeLucene(page, 'login and category:policy');
    await page.getByTestId(texts.lucene.warnings).waitFor();
    await check(page, 'with a Lucene query');
    await chooseMode(page, 'Builder');
    await page.getByRole('button', { name: /^Edit filter 1/ }).click();
    await check(page, 'with an open filter');
    for (const name of [exportStrings.open, texts.alertHelp.label]) {
      await page.getByRole('button', { name, exact: true }).click();
      await check(page, name);
    }
  });

  inPage(`the editors of variables and annotations, and the help, in ${theme}`, async (page) => {
    await open(page, 'editors');
    await page.getByRole('region', { name: 'Help' }).getByRole('button').first().waitFor();
    await check(page, 'as they open');
  });
}

/** Fails on anything but what axe calls minor. Charts and tables of an answer are drawn by Grafana's components. */
async function check(page, state) {
  const { violations } = await page.evaluate(() =>
    window.axe.run({ include: ['main'], exclude: ['[data-testid="workbench result"]'] }, { resultTypes: ['violations'] })
  );
  const found = violations
    .filter(({ impact }) => impact !== 'minor')
    .map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`);
  assert.deepEqual(found, [], state);
}
