// A Chromium from an npm package, the pages in it, and what they say on their console.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import chromium from '@sparticuz/chromium';
import { chromium as playwright } from 'playwright-core';

import { root } from './processes.mjs';

const results = join(root, 'test-results');

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-dev-shm-usage',
  '--disable-domain-reliability',
  '--disable-extensions',
  '--disable-sync',
  '--no-first-run',
];

export async function launchBrowser() {
  return playwright.launch({ executablePath: await chromium.executablePath(), headless: true, args });
}

/**
 * A page of its own context. `problems` collects what must stay empty: errors on the console, uncaught exceptions, and
 * requests that leave this machine. A refusal (HTTP 400 or 403) is no problem, it is what some tests ask for.
 */
export async function openPage(browser, { viewport = { width: 1440, height: 1000 } } = {}) {
  // Chromium takes the system's language otherwise, and Grafana's packages cannot parse every form of it.
  const context = await browser.newContext({ locale: 'en-US', timezoneId: 'UTC', viewport });
  const page = await context.newPage();
  // Tests wait for what must happen. The limit only ends one that hangs, also on a busy machine.
  page.setDefaultTimeout(120_000);
  const problems = [];
  page.on('console', (message) => {
    const refused = /Failed to load resource: the server responded with a status of 40[03]/.test(message.text());
    if (message.type() === 'error' && !refused) {
      problems.push(message.text());
    }
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  await context.route(
    (url) => url.protocol.startsWith('http') && url.hostname !== '127.0.0.1',
    (route) => {
      problems.push(`request to ${route.request().url()}`);
      return route.abort();
    }
  );
  return { page, problems };
}

export async function screenshot(page, name, options) {
  mkdirSync(results, { recursive: true });
  await page.screenshot({ ...options, path: join(results, `${name}.png`) });
}

/** Makes tests with a page of their own each, which must not complain on its console; pictures are named by prefix and test. */
export const pageTests = (browser, prefix) => (name, run) =>
  test(name, { timeout: 600_000 }, async () => {
    const { page, problems } = await openPage(browser());
    const picture = `${prefix}-${name.replaceAll(/\W+/g, '-')}`;
    try {
      await run(page);
      await screenshot(page, picture);
    } catch (error) {
      await screenshot(page, `${picture}-failed`);
      error.message += `\nconsole: ${problems.join('\n')}`;
      throw error;
    } finally {
      await page.context().close();
    }
    assert.deepEqual(problems, []);
  });
