// Starts the programs that the browser tests need, and ends them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a Go program until its first line of output; `stop` ends it and waits. */
async function start(folder, args, env = {}) {
  // `go run` does not pass signals on, so the program gets a group of its own, which can be ended as a whole.
  const child = spawn('go', ['run', '-tags', 'arrow_json_stdlib', folder, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const exited = once(child, 'exit');
  const kill = () => {
    if (child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid, 'SIGTERM');
    }
  };
  process.once('exit', kill);
  let log = '';
  child.stderr.on('data', (chunk) => (log += chunk));
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    once(lines, 'line').then(([text]) => text),
    exited.then(([code]) => {
      throw new Error(`${folder} ended with ${code}: ${log}`);
    }),
  ]);
  child.stdout.resume();
  return {
    line,
    log: () => log,
    stop: async () => {
      kill();
      await exited;
    },
  };
}

/** A Carbon Black Cloud; resolves to its `{url, orgKey, keys}` and `stop`. */
export async function startSimulator() {
  const { line, stop } = await start('./dev/simulator/cmd', ['-addr', '127.0.0.1:0']);
  return { ...JSON.parse(line), stop };
}

/** The variables of the provisioned data source, for a simulator's key that may do everything. */
export function environment({ url, orgKey, keys: [{ apiId, apiSecret }] }) {
  return { CBC_URL: url, CBC_ORG_KEY: orgKey, CBC_API_ID: apiId, CBC_API_SECRET: apiSecret };
}

/** The built plugin in the page for one version of React; env fills the variables of the provisioned data source. */
export async function startWorkbench(react, env) {
  const { line, stop, log } = await start(
    './dev/workbench/cmd',
    ['-addr', '127.0.0.1:0', '-page', `dev/workbench/page/dist/react${react}`, '-provisioning', 'provisioning'],
    env
  );
  return { url: line.trim(), stop, log };
}
