// What the browser tests tell the simulated Carbon Black Cloud.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { root } from './processes.mjs';

/** Sends a command to the simulator: its switches, or events that happened. */
export async function command(simulator, name, body) {
  const response = await fetch(`${simulator.url}/simulator/${name}`, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.text());
}

/**
 * Adds, in the last hour, one event of every kind in the catalog, an unknown one, and a login after four failures from an address
 * that never occurred. So every panel has something to show, whatever the simulator generates at this time of the week.
 */
export async function addOneOfEach(simulator) {
  const [, ...rows] = readFileSync(join(root, 'pkg', 'catalog', 'catalog.tsv'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t'));
  const intruder = ['Login failed', 'Login failed', 'Login failed', 'Login failed', 'Logged in successfully'];
  const events = [
    ...rows.map((row) => ({ actor: 'tests@example.org', actor_ip: '198.51.100.20', description: row.at(-1), flagged: true })),
    { actor: 'tests@example.org', actor_ip: '198.51.100.20', description: 'Something that no catalog knows' },
    ...intruder.map((description) => ({ actor: 'intruder@example.org', actor_ip: '198.51.100.66', description })),
  ];
  const start = Date.now() - 3_600_000;
  await command(simulator, 'events', events.map((event, index) => ({ create_time: new Date(start + index * 10_000).toISOString(), ...event })));
}
