// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { eventually, processesOf, startDaemon, startHost, stateDirectory } from './support/host.ts';

/** Loaders that are children of the process and stand in no Keep's directory. */
function blankLoadersOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((id) => {
      try {
        const stat = readFileSync(`/proc/${String(id)}/stat`, 'latin1');
        const [state, owner] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const line = readFileSync(`/proc/${String(id)}/cmdline`, 'latin1');
        return Number(owner) === parent && state !== 'Z' && line.includes('keepldr.js');
      } catch {
        return false;
      }
    });
}

test('a Keep takes the loader that has booted already, and no two take the same', async () => {
  const state = await stateDirectory();
  const { path } = state;
  const daemon = await startDaemon(path);
  try {
    await eventually('a spare has booted', () => blankLoadersOf(daemon.ready.pid).length === 1);
    const [spare] = blankLoadersOf(daemon.ready.pid);
    const [one, two] = await Promise.all([daemon.client.create(), daemon.client.create()]);
    await daemon.client.reaches(one.id, 'ready');
    await daemon.client.reaches(two.id, 'ready');
    assert.ok(processesOf(path).includes(spare as number));
    await eventually('another spare', () => blankLoadersOf(daemon.ready.pid).length === 3);
  } finally {
    daemon.process.kill('SIGTERM');
    await eventually('no spare outlives the daemon, and no Keep', () => processesOf(path).length === 0);
    state.remove();
  }
});

test('a spare ends with its daemon, however that ends, and a host can do without', async () => {
  const state = await stateDirectory();
  const { path } = state;
  const daemon = await startDaemon(path);
  await eventually('a spare has booted', () => blankLoadersOf(daemon.ready.pid).length === 1);
  const [spare] = blankLoadersOf(daemon.ready.pid) as [number];
  await daemon.kill();
  await eventually('it has gone', () => !isRunning(spare));
  state.remove();

  await using host = await startHost({ limits: { spareLoaders: 0 } });
  const before = blankLoadersOf(process.pid).length;
  const { id } = await host.client.create();
  await host.client.reaches(id, 'ready');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(blankLoadersOf(process.pid).length, before + 1);
});

test('a spare that was killed is not given to a Keep', async () => {
  await using host = await startHost();
  await eventually('a spare has booted', () => blankLoadersOf(process.pid).length === 1);
  const [spare] = blankLoadersOf(process.pid) as [number];
  process.kill(spare, 'SIGKILL');
  await eventually('it has gone', () => !isRunning(spare));
  const { id } = await host.client.create();
  await host.client.reaches(id, 'ready');
});

function isRunning(id: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${String(id)}/status`, 'utf8'));
  } catch {
    return false;
  }
}
