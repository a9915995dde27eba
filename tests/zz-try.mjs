import { launchBrowser, openPage } from './browser.mjs';
const browser = await launchBrowser();
for (const port of process.argv.slice(2)) {
  const { page, problems } = await openPage(browser);
  const shot = (n) => page.screenshot({ path: `/tmp/wb/shots/${port}-${n}.png` });
  const t = Date.now();
  await page.goto(`http://127.0.0.1:${port}/`);
  try {
  await page.getByRole('button', { name: 'Add data source' }).click();
  await page.getByRole('button', { name: 'Save & test' }).waitFor();
  await shot('config');
  console.log(port, Date.now() - t, 'ms to config');
  await page.getByRole('button', { name: 'Save & test' }).click();
  await page.getByTestId('workbench health').waitFor();
  await shot('config-tested');
  await page.goto(`http://127.0.0.1:${port}/?theme=light#/explore`);
  await page.getByRole('button', { name: 'Run query' }).click();
  await page.waitForTimeout(2500);
  await shot('explore-light');
  } catch (e) { console.log(String(e)); await shot('error'); }
  console.log(port, problems);
}
await browser.close();
