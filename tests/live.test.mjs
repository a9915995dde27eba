// Live in Explore: events that happen while somebody watches arrive once and in order, by searches and from the queue.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { launchBrowser, pageTests } from './browser.mjs';
import { startSimulator, startWorkbench } from './processes.mjs';
import { command } from './simulator.mjs';
import { queryProblems, queryStrings as queryEditor } from './strings.mjs';

const uid = 'live';

let simulator;
let browser;

before(async () => {
  [simulator, browser] = await Promise.all([startSimulator(), launchBrowser()]);
});

after(async () => {
  await browser?.close();
  await simulator?.stop();
});

for (const react of ['19', '18']) {
  describe(`on React ${react}`, () => {
    let workbench;

    before(async () => {
      workbench = await startWorkbench(react, {});
      const [{ apiId, apiSecret }] = simulator.keys;
      const response = await fetch(`${workbench.url}/api/datasources`, {
        method: 'POST',
        body: JSON.stringify({
          uid,
          name: 'Live',
          type: 'carbonblack-auditlog-datasource',
          url: simulator.url,
          jsonData: { orgKey: simulator.orgKey, apiId, queueEnabled: true, queuePollSeconds: 10 },
          secureJsonData: { apiSecret },
        }),
      });
      assert.equal(response.status, 200, await response.text());
    });

    after(() => workbench?.stop());

    const inPage = pageTests(() => browser, `react${react}`);

    for (const source of ['Search', 'Queue']) {
      const watching = async (page) => {
        await page.goto(`${workbench.url}/#/explore/${uid}`);
        await page.getByTestId(queryEditor.container).waitFor();
        await page.getByRole('radio', { name: source, exact: true }).click({ force: true });
        await happen(['somebody looks']); // so that there is a line, whatever the simulator generates
        await page.getByRole('button', { name: 'Live' }).click();
        await page.getByTestId('workbench logs').waitFor();

        const word = `live${react}${source}`;
        const texts = Array.from({ length: 6 }, (_, index) => `${word} number ${Math.floor(index / 2)}`); // each of them twice
        for (const half of [texts.slice(0, 2), texts.slice(2)]) {
          const happened = await happen(half);
          await lineOf(page, happened.at(-1)).last().waitFor();
        }
        const lines = page.getByTestId('workbench logs').getByRole('listitem').filter({ hasText: word });
        await page.waitForFunction(
          ([wanted, count]) => [...document.querySelectorAll('[data-testid="workbench logs"] li')].filter((line) => line.textContent.includes(wanted)).length >= count,
          [word, texts.length]
        );
        // Two more polls bring nothing twice: the page shows each row once, and React would complain about equal keys.
        await happen([`${word} last`]);
        await lineOf(page, `${word} last`).waitFor();
        const shown = (await lines.allInnerTexts()).map((text) => text.match(new RegExp(`${word} .*`))[0].trim());
        assert.deepEqual(shown, [...texts, `${word} last`]);

        await page.getByRole('button', { name: 'Live' }).click();
        assert.equal(await page.getByRole('button', { name: 'Live' }).getAttribute('aria-pressed'), 'false');
      };
      inPage(`events arrive live: ${source}`, watching);
    }

    inPage('a query that cannot be followed live is reported', async (page) => {
      await page.goto(`${workbench.url}/#/explore/${uid}`);
      await page.getByRole('radio', { name: 'Count' }).click({ force: true });
      await page.getByRole('button', { name: 'Live' }).click();
      const alert = page.getByTestId('workbench result').getByRole('alert').first();
      await alert.waitFor();
      assert.ok((await alert.innerText()).includes(queryProblems.liveNeedsEvents));
    });
  });
}

/** The lines of the log that contain a string. Their labels, which are closed, have the description as well. */
function lineOf(page, text) {
  return page.getByTestId('workbench logs').locator('summary').filter({ hasText: text });
}

/** Makes events happen now, a millisecond apart; equal texts at the same time, so that they are equal events. */
async function happen(texts) {
  const now = Date.now();
  const events = texts.map((text) => ({
    create_time: new Date(now + [...new Set(texts)].indexOf(text)).toISOString(),
    actor: 'live@example.org',
    description: text,
  }));
  await command(simulator, 'events', events);
  return texts;
}
