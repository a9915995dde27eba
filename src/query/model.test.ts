import { readFileSync } from 'fs';
import path from 'path';
import { CHOICES, GRAFANA_KEYS, QUERY_KEYS } from './problems';

const model = JSON.parse(readFileSync(path.join(__dirname, '../../pkg/query/model.json'), 'utf8'));
const choicesOf = (key: string) => CHOICES.find(([at]) => at === key)?.[2];

// refId is Grafana's on the server, and part of every query in the browser.
test('the browser allows the keys that the plugin reads', () => {
  expect(QUERY_KEYS.filter((key) => key !== 'refId').sort()).toEqual(model.keys);
  expect([...GRAFANA_KEYS, 'refId'].sort()).toEqual(model.grafanaKeys);
});

test('the browser allows the values that the plugin reads', () => {
  expect(choicesOf('queryType')).toEqual(model.queryTypes);
  expect(choicesOf('source')).toEqual(model.sources);
  expect(choicesOf('format')).toEqual(model.formats);
});
