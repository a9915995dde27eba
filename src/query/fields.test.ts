import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ACTIONS, CATEGORIES, FIELD_NAMES, OUTCOMES } from './fields';

const lines = readFileSync(path.join(__dirname, '../../pkg/catalog/catalog.tsv'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('\t'));
const [header, ...rows] = lines;

test.each([
  ['category', CATEGORIES, 'other'],
  ['action', ACTIONS, 'unknown'],
  ['outcome', OUTCOMES, 'unknown'],
])('the choices for %s are those of the catalog', (column, choices, fallback) => {
  const index = header.indexOf(column);
  const values = new Set([...rows.map((row) => row[index]), fallback]);
  expect(rows.length).toBeGreaterThan(50);
  expect(choices).toEqual([...values].sort());
});

test('the fields are the keys of the backend', () => {
  const source = readFileSync(path.join(__dirname, '../../pkg/auditlog/keys.go'), 'utf8');
  const keys = [...source.matchAll(/^\tKey\w+\s+Key = "(\w+)"$/gm)].map(([, key]) => key);
  expect(keys.length).toBeGreaterThan(10);
  expect([...FIELD_NAMES].sort()).toEqual(keys.sort());
});
