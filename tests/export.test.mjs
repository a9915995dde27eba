// An export in the browser, from the click to the file: the built plugin in the workbench, on React 19 and on React 18.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe } from 'node:test';

import { writeLucene } from './editor.mjs';
import { launchBrowser, pageTests } from './browser.mjs';
import { environment, startSimulator, startWorkbench } from './processes.mjs';
import { command } from './simulator.mjs';
import { exportStrings as texts, queryStrings as queryEditor } from './strings.mjs';

/** How long a held job takes, in milliseconds: longer than any test. */
const HELD = 3_600_000;
/** The word by which the events of this test are found. */
const MARK = 'exportmarker';
const FIELDS = ['create_time', 'org_key', 'actor', 'actor_ip', 'request_url', 'description', 'flagged', 'verbose'];

let simulator;
let browser;
let events;

before(async () => {
  [simulator, browser] = await Promise.all([startSimulator(), launchBrowser()]);
  events = createEvents(2500, Date.now() - 5 * 3_600_000);
  await command(simulator, 'events', events);
  await command(simulator, 'switches', { jobInProgress: true, jobProgress: true, jobPolls: 2 });
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
    });

    after(() => workbench?.stop());

    const inPage = pageTests(() => browser, `export-react${react}`);

    inPage('a CSV is started, watched, downloaded, and holds the events of the search', async (page) => {
      await openExports(page, workbench, `description:${MARK}`);
      const { row, finish } = await startWatched(page);
      await finish();
      await row.getByRole('link').waitFor();
      assert.match(await row.innerText(), new RegExp(`Events where description:${MARK}[^]*2,500 rows[^]*by workbench`));

      const safe = await download(page, row);
      assert.match(safe.name, /^audit-log_\w+_\w+_\w+\.csv$/);
      await page.getByRole('switch', { name: texts.safe }).click({ force: true });
      const exact = await download(page, row);
      assertSameEvents(table(exact.text), events);
      assertSameEvents(table(safe.text), events.map(withoutFormulas));

      await row.getByRole('button', { name: /^Manifest/ }).press('Enter');
      const manifest = page.getByTestId(texts.manifestBox);
      await manifest.waitFor();
      const proof = await manifest.innerText();
      assert.ok(proof.includes(createHash('sha256').update(exact.bytes).digest('hex')), proof);
      assert.match(proof, /Complete: 2,500 of 2,500 rows/);
    });

    inPage('a JSON holds the same, and survives a reload of the page', async (page) => {
      await openExports(page, workbench, `description:${MARK}`);
      await page.getByTestId(texts.format.testId).getByRole('radio', { name: 'JSON' }).click({ force: true });
      const { finish } = await startWatched(page);
      await page.reload();
      await openExports(page, workbench);
      await finish();
      const row = page.getByTestId(texts.row).filter({ hasText: 'JSON' }).first();
      await row.getByRole('link').waitFor();
      const { name, text } = await download(page, row);
      assert.match(name, /\.json$/);
      assertSameEvents(Object.values({ list: JSON.parse(text) }).flatMap((value) => (Array.isArray(value) ? value : value.results)), events);
    });

    inPage('what only this plugin can filter by is made by searches, and says so', async (page) => {
      await openExports(page, workbench, `description:${MARK}`, { exclude: 'authentication' });
      await page.getByRole('button', { name: texts.start }).click();
      const row = page.getByTestId(texts.row).filter({ hasText: 'category is not authentication' }).first();
      await row.getByRole('link').waitFor();
      assert.match(await row.innerText(), /by search/i);
      await page.getByRole('switch', { name: texts.safe }).click({ force: true });
      assertSameEvents(table((await download(page, row)).text), events);
    });

    inPage('a viewer downloads what there is, and starts nothing', async (page) => {
      await page.goto(`${workbench.url}/?role=Viewer`);
      await openExports(page, workbench, undefined, { role: 'Viewer' });
      const row = page.getByTestId(texts.row).first();
      await row.getByRole('link').waitFor();
      assert.equal(await page.getByRole('button', { name: texts.start }).count(), 0);
      assert.equal(await row.getByRole('button', { name: /^(Remove|Cancel)/ }).count(), 0);
      assert.ok((await download(page, row)).bytes.length > 0);
    });

    inPage('a refusal is told in words', async (page) => {
      await openExports(page, workbench, 'description:(login OR');
      await page.getByRole('button', { name: texts.start }).click();
      const refusal = page.getByTestId(texts.startProblem);
      await refusal.waitFor();
      assert.match(await refusal.innerText(), /syntax|malformed|query/i);
    });

    inPage('an export is forgotten, and Escape leaves the panel', async (page) => {
      await openExports(page, workbench);
      const rows = page.getByTestId(texts.row);
      await rows.first().waitFor();
      const before = await rows.count();
      await rows.first().getByRole('button', { name: /^Remove/ }).click();
      await page.waitForFunction(([id, count]) => document.querySelectorAll(`[data-testid="${id}"]`).length === count, [texts.row, before - 1]);
      await page.getByRole('button', { name: texts.refresh }).press('Escape');
      await page.getByTestId(texts.panel).waitFor({ state: 'detached' });
      assert.equal(await page.getByRole('button', { name: texts.open }).evaluate((button) => button === document.activeElement), true);
    });
  });
}

/** Opens the exports of a query in Explore; without a string, of the query that is there at the start. */
async function openExports(page, workbench, text, { role = 'Admin', exclude } = {}) {
  await page.goto(`${workbench.url}/?role=${role}#/explore/carbonblack`);
  await page.getByTestId(queryEditor.container).waitFor();
  if (text) {
    await writeLucene(page, text);
    await page.getByTestId('workbench result').waitFor();
  }
  if (exclude) {
    await excludeCategory(page, exclude);
  }
  await page.getByRole('button', { name: texts.open }).press('Enter');
  await page.getByTestId(texts.panel).waitFor();
}

async function excludeCategory(page, category) {
  await page.getByRole('button', { name: queryEditor.filters.add }).press('Enter');
  const controls = page.getByTestId(queryEditor.filters.row).getByRole('combobox');
  for (const [index, choice] of [[0, 'Category'], [1, 'is not one of'], [2, category]]) {
    await controls.nth(index).fill(choice);
    await page.getByRole('option', { name: new RegExp(`^${choice}\\b`) }).first().click();
  }
}

/** Clicks the download and reads what the browser saved. */
async function download(page, row) {
  const [saved] = await Promise.all([page.waitForEvent('download'), row.getByRole('link').first().click()]);
  const bytes = await readFile(await saved.path());
  return { name: saved.suggestedFilename(), bytes, text: bytes.toString('utf8') };
}

/** Events with everything that a CSV can stumble over, two alike among them, one second apart. */
function createEvents(count, start) {
  const oddities = ['a, b', 'said "no"', 'line\nbreak', 'line\r\nbreak', "=HYPERLINK(1)", '+1', '-1', '@SUM(1)', '\tTab', 'Ünïcödé 漢字 🦊', 'plain'];
  return Array.from({ length: count }, (_, index) => {
    const twin = index - (index % 10 === 1 ? 1 : 0);
    return {
      create_time: new Date(start + twin * 1000).toISOString(),
      org_key: simulator.orgKey,
      actor: `user${twin % 7}@example.com`,
      actor_ip: `203.0.113.${twin % 250}`,
      request_url: twin % 3 === 0 ? '' : '/access/v2/orgs',
      description: `${oddities[twin % oddities.length]} ${MARK}`,
      flagged: twin % 5 === 0,
      verbose: twin % 4 === 0,
    };
  });
}

function withoutFormulas(event) {
  const safe = (value) => (typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : value);
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [name, safe(value)]));
}

/** The two are the same events, each as often, in any order. */
function assertSameEvents(actual, expected) {
  const lines = (list) => list.map((event) => JSON.stringify(FIELDS.map((field) => String(event[field] ?? '')))).sort();
  const [found, wanted] = [lines(actual), lines(expected)];
  assert.equal(found.length, wanted.length);
  assert.deepEqual(found, wanted);
}

/** The rows of a CSV (RFC 4180) by the names in its first one. */
function table(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1).push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ',') {
      rows.push([]);
    }
  }
  const [names, ...records] = rows.filter((row) => row.length > 1);
  return records.map((record) => Object.fromEntries(names.map((name, index) => [name, record[index]])));
}

/** Starts an export whose job does not end before its progress was seen. */
async function startWatched(page) {
  await command(simulator, 'switches', { jobMs: HELD });
  await page.getByRole('button', { name: texts.start }).press('Enter');
  const row = page.getByTestId(texts.row).first();
  await row.getByRole('progressbar').waitFor();
  return { row, finish: () => command(simulator, 'switches', { jobMs: 0 }) };
}
