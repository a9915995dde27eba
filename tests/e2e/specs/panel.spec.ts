import { expect, test } from '@grafana/plugin-e2e';
import { panel, saveDashboard, uid } from '../grafana';

test('a panel shows the answer of its query', async ({ gotoPanelEditPage, request, page, selectors }) => {
  const dashboard = await saveDashboard(request, {
    uid: 'e2e-panel',
    title: 'e2e panel',
    time: { from: 'now-24h', to: 'now' },
    panels: [panel('table', 'Top actors', { queryType: 'top', groupBy: ['actor'] })],
  });
  const edit = await gotoPanelEditPage({ dashboard: { uid: dashboard }, id: '1' });
  const answer = page.waitForResponse((r) => r.url().includes('/api/ds/query'));
  // Not refreshPanel, which gives the button 2 seconds.
  await edit.getByGrafanaSelector(selectors.components.RefreshPicker.runButtonV2).first().click();
  expect((await answer).ok()).toBe(true);
  await expect(edit.panel.fieldNames).toContainText(['actor']);
  await expect(edit.panel.getErrorIcon()).not.toBeVisible();
});

test('an ad hoc filter becomes a criterion of the query', async ({ gotoDashboardPage, request, page }) => {
  const dashboard = await saveDashboard(request, {
    uid: 'e2e-adhoc',
    title: 'e2e ad hoc',
    time: { from: 'now-24h', to: 'now' },
    templating: {
      list: [
        {
          type: 'adhoc',
          name: 'filters',
          datasource: { uid },
          filters: [{ key: 'outcome', operator: '=', value: 'failure' }],
        },
      ],
    },
    panels: [panel('stat', 'Failures', { queryType: 'count' })],
  });
  const sent = page.waitForRequest((r) => r.url().includes('/api/ds/query') && (r.postData() ?? '').includes('"failure"'));
  await gotoDashboardPage({ uid: dashboard });
  const [query] = (await sent).postDataJSON().queries;
  expect(query.criteria.outcome).toEqual(['failure']);
});

test('a variable lists values', async ({ request, gotoDashboardPage, page }) => {
  const dashboard = await saveDashboard(request, {
    uid: 'e2e-variable',
    title: 'e2e variable',
    time: { from: 'now-24h', to: 'now' },
    templating: {
      list: [{ type: 'query', name: 'outcome', label: 'Outcome', datasource: { uid }, query: { refId: 'values', field: 'outcome' }, refresh: 2 }],
    },
    panels: [panel('stat', 'Events', { queryType: 'count', criteria: { outcome: ['$outcome'] } })],
  });
  const values = page.waitForResponse((r) => /resources\/values/.test(r.url()));
  await gotoDashboardPage({ uid: dashboard });
  expect((await values).ok()).toBe(true);
});

/** Grafana's own annotations, which it adds to the front of a list without them. */
const builtIn = { builtIn: 1, name: 'Annotations & Alerts', enable: true, hide: true, type: 'dashboard', iconColor: 'blue', datasource: { uid: '-- Grafana --' } };

test('an annotation query is answered', async ({ request, gotoAnnotationEditPage }) => {
  const dashboard = await saveDashboard(request, {
    uid: 'e2e-annotation',
    title: 'e2e annotation',
    time: { from: 'now-24h', to: 'now' },
    annotations: {
      list: [builtIn, { name: 'Failures', enable: true, iconColor: 'red', datasource: { uid }, target: { refId: 'Anno', queryType: 'events', criteria: { outcome: ['failure'] } } }],
    },
    panels: [panel('timeseries', 'Events', { queryType: 'series' })],
  });
  const edit = await gotoAnnotationEditPage({ dashboard: { uid: dashboard }, id: '1' });
  await expect(edit.runQuery()).toBeOK();
});
