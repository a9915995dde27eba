import { expect, test } from '@grafana/plugin-e2e';
import { pluginType, uid } from '../grafana';

const folder = 'e2e-alerts';
const group = 'e2e';
const ruleUid = 'e2e-rule';

/** A rule that fires above a number of events in the last day. */
const rule = (threshold: number) => ({
  uid: ruleUid,
  title: 'e2e events',
  ruleGroup: group,
  folderUID: folder,
  condition: 'C',
  for: '0s',
  noDataState: 'OK',
  execErrState: 'Error',
  data: [
    { refId: 'A', queryType: 'count', relativeTimeRange: { from: 86_400, to: 0 }, datasourceUid: uid, model: { refId: 'A', queryType: 'count', datasource: { uid, type: pluginType } } },
    {
      refId: 'C',
      queryType: '',
      relativeTimeRange: { from: 0, to: 0 },
      datasourceUid: '__expr__',
      model: { refId: 'C', type: 'threshold', expression: 'A', conditions: [{ evaluator: { type: 'gt', params: [threshold] } }] },
    },
  ],
});

test('an alert rule fires and goes back to normal', async ({ request }) => {
  test.setTimeout(300_000);
  const headers = { 'X-Disable-Provenance': 'true' };
  const made = await request.post('/api/folders', { data: { uid: folder, title: 'e2e alerts' } });
  expect([200, 409, 412]).toContain(made.status());
  await request.delete(`/api/v1/provisioning/alert-rules/${ruleUid}`, { headers });
  const state = async () => {
    const answer = await (await request.get('/api/prometheus/grafana/api/v1/rules')).json();
    const rules = answer.data.groups.flatMap((g: { rules: Array<{ name: string; state: string; health: string; lastError?: string }> }) => g.rules);
    const found = rules.find((r: { name: string }) => r.name === 'e2e events');
    return found ? `${found.state} ${found.health}` : 'none';
  };
  const created = await request.post('/api/v1/provisioning/alert-rules', { headers, data: rule(0) });
  expect(created.status(), await created.text()).toBe(201);
  const interval = await request.put(`/api/v1/provisioning/folder/${folder}/rule-groups/${group}`, { headers, data: { title: group, folderUid: folder, interval: 10, rules: [rule(0)] } });
  expect(interval.ok(), await interval.text()).toBe(true);
  await expect.poll(state, { timeout: 120_000, intervals: [2_000] }).toBe('firing ok');
  const changed = await request.put(`/api/v1/provisioning/alert-rules/${ruleUid}`, { headers, data: rule(1e9) });
  expect(changed.ok(), await changed.text()).toBe(true);
  await expect.poll(state, { timeout: 120_000, intervals: [2_000] }).toBe('inactive ok');
  await request.delete(`/api/v1/provisioning/alert-rules/${ruleUid}`, { headers });
});
