// Every provisioned dashboard in the browser: the built plugin in the workbench, on React 19 and on React 18, dark and light, on a
// narrow and on a wide screen.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launchBrowser, openPage, screenshot } from './browser.mjs';
import { environment, startSimulator, startWorkbench } from './processes.mjs';
import { addOneOfEach } from './simulator.mjs';

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

/** How each version of React is looked at: what the theme and the width change does not depend on it. */
const views = {
  19: [['dark', 1280], ['dark', 1920], ['light', 1280], ['light', 1920]],
  18: [['dark', 1280], ['light', 1920]],
};

for (const react of ['19', '18']) {
  describe(`on React ${react}`, () => {
    let workbench;

    before(async () => {
      workbench = await startWorkbench(react, environment(simulator));
    });

    after(() => workbench?.stop());

    for (const [theme, width] of views[react]) {
      test(`every panel shows something in ${theme} at ${width} px`, { timeout: 1_200_000 }, async () => {
        const { page, problems } = await openPage(browser, { viewport: { width, height: 1000 } });
        try {
          const boards = await (await fetch(`${workbench.url}/api/search`)).json();
          assert.equal(boards.length, 8);
          for (const { uid, title } of boards) {
            const before = await requestsSpent(workbench);
            await openBoard(page, `${workbench.url}/?theme=${theme}#/dashboard/${uid}`, title);
            const { dashboard } = await (await fetch(`${workbench.url}/api/dashboards/uid/${uid}`)).json();
            assert.deepEqual(await emptyPanels(page, dashboard), [], title);
            assert.deepEqual(await cutTitles(page), [], `titles of "${title}" at ${width} px`);
            // At most two for a day, or a week of this organization in two pages, and eight for what is new to the 30 days before:
            // accounts and addresses have several spellings, so the baseline is read (TestDashboardsShareRequests has the same bounds).
            const spent = (await requestsSpent(workbench)) - before;
            assert.ok(spent <= 10, `"${title}" took ${spent} requests`);
            await screenshot(page, `react${react}-${uid}-${theme}-${width}`, { fullPage: true });
          }
        } finally {
          await page.context().close();
        }
        assert.deepEqual(problems, []);
      });
    }
  });
}

async function openBoard(page, url, title) {
  await page.goto(url);
  await page.getByRole('heading', { name: title, exact: true }).waitFor();
  await page.getByTestId('workbench panel').first().waitFor();
  await page.waitForFunction(() =>
    [...document.querySelectorAll('[data-testid="workbench panel"]')].every(({ dataset }) => ['Done', 'error'].includes(dataset.state))
  );
}

/** Describes each panel that is in error or shows nothing. */
async function emptyPanels(page, { panels }) {
  const shown = page.getByTestId('workbench panel');
  assert.equal(await shown.count(), panels.length);
  const wrong = [];
  for (const [index, { title, type }] of panels.entries()) {
    const panel = shown.nth(index);
    if ((await panel.getAttribute('data-state')) === 'error') {
      wrong.push(`${title}: ${await panel.innerText()}`);
    } else if (!(await hasContent(panel, type))) {
      wrong.push(`${title} is empty: ${await panel.innerText()}`);
    }
  }
  return wrong;
}

async function hasContent(panel, type) {
  switch (type) {
    case 'timeseries':
      return (await panel.locator('canvas').count()) > 0;
    case 'table':
      return (await panel.getByRole('row').count()) > 1;
    case 'logs':
      return (await panel.getByRole('listitem').count()) > 0;
    default:
      return /\d|off/.test(await panel.innerText());
  }
}

/** Titles that do not fit their panel. */
function cutTitles(page) {
  return page
    .getByTestId('workbench panel')
    .locator('h2, h2 *')
    .evaluateAll((titles) => titles.filter((title) => title.scrollWidth > title.clientWidth).map((title) => title.textContent));
}

async function requestsSpent(workbench) {
  const response = await fetch(`${workbench.url}/api/datasources/uid/carbonblack/resources/status`);
  assert.equal(response.status, 200);
  return (await response.json()).calls;
}
