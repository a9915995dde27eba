import { dirname } from 'node:path';
import type { PluginOptions } from '@grafana/plugin-e2e';
import { defineConfig, devices } from '@playwright/test';

/**
 * Tests of the plugin in a real Grafana, by its own pages. GRAFANA_URL is its address, http://127.0.0.1:3000 if nothing is said, and
 * GRAFANA_ADMIN_USER and GRAFANA_ADMIN_PASSWORD are its admin. Grafana has the plugin and the files in provisioning. CHROMIUM is a
 * browser to use instead of Playwright's.
 */
export default defineConfig<PluginOptions>({
  testDir: 'specs',
  fullyParallel: false,
  workers: 1,
  forbidOnly: process.env.CI === 'true',
  retries: process.env.CI === 'true' ? 1 : 0,
  timeout: 240_000, // Grafana's pages take a minute on a machine that is busy
  expect: { timeout: 60_000 },
  reporter: 'list',
  use: {
    baseURL: process.env.GRAFANA_URL ?? 'http://127.0.0.1:3000',
    trace: 'on-first-retry',
    locale: 'en-US',
    timezoneId: 'UTC',
    launchOptions: process.env.CHROMIUM
      ? { executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] }
      : {},
  },
  projects: [
    { name: 'auth', testDir: `${dirname(require.resolve('@grafana/plugin-e2e'))}/auth`, testMatch: [/.*\.js/] },
    {
      name: 'chromium',
      use: { ...devices['Desktop Chrome'], viewport: { width: 1440, height: 1000 }, storageState: 'playwright/.auth/admin.json' },
      dependencies: ['auth'],
    },
  ],
});
