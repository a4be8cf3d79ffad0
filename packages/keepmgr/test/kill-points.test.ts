// SPDX-License-Identifier: Apache-2.0
//
// Kills each process at each state change, before and after each write, and looks whether anything was lost or left.
// ENARX_KILL_POINTS=N runs N points; `npm test` runs a few.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { test } from 'node:test';

import { formatKeepId, keepStates, type KeepState } from '@enarx/protocol';

import { eventually, processesOf, startDaemon, stateDirectory, type Daemon } from './support/host.ts';

const points = Number(env['ENARX_KILL_POINTS'] ?? 6);
const victims = ['daemon', 'loader', 'guest'] as const;
/** What a client does one after the other; the kill comes a moment after one of these began, each time another. */
const steps = ['create', 'ready', 'claim', 'proceed', 'conclude', 'stop', 'remove'] as const;

type Acknowledged = Map<string, KeepState | 'removed'>;

/** A generator of numbers from 0 to 1 that a failed run can be repeated with. */
function randomFrom(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function find(state: string, daemon: Daemon, victim: (typeof victims)[number]): number | undefined {
  if (victim === 'daemon') return daemon.process.pid;
  const others = processesOf(state).filter((pid) => pid !== daemon.process.pid);
  const isLoader = (pid: number): boolean => {
    try {
      return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').includes('keepldr.js');
    } catch {
      return false;
    }
  };
  return others.find((pid) => isLoader(pid) === (victim === 'loader'));
}

/** One client's way through a Keep's life. Each answer that it gets is an acknowledgement. */
async function live({ client }: Daemon, done: Acknowledged, at: (step: string) => void): Promise<void> {
  at('create');
  const { id } = await client.create();
  const name = formatKeepId(id);
  done.set(name, 'launching');
  at('ready');
  const note = async (word: KeepState): Promise<void> => {
    await client.reaches(id, word, 'failed', 'exited');
    done.set(name, (await client.show(id)).state);
  };
  await note('ready');
  for (const [command, word] of [
    ['claim', 'claimed'],
    ['proceed', 'running'],
    ['conclude', 'exited'],
  ] as const) {
    at(command);
    await client.tell(id, command);
    await note(word);
  }
  at('stop');
  done.set(name, (await client.stop(id)).state);
  at('remove');
  await client.remove(id);
  done.set(name, 'removed');
}

for (let point = 0; point < points; point += 1) {
  const victim = victims[point % victims.length] as (typeof victims)[number];
  const step = steps[Math.floor(point / victims.length) % steps.length] as string;
  test(`kill point ${String(point)}: the ${victim}, about the step ${step}`, async () => {
    const random = randomFrom(point);
    const state = await stateDirectory();
    const first = await startDaemon(state.path);
    const done: Acknowledged = new Map();
    let kill: Promise<void> | undefined;
    const at = (reached: string): void => {
      if (reached !== step) return;
      kill = new Promise((resolve) => setTimeout(resolve, random() * 40)).then(() => {
        const pid = find(state.path, first, victim);
        try {
          if (pid !== undefined) process.kill(pid, 'SIGKILL');
        } catch {
          // It ended by itself in this moment.
        }
      });
    };
    await live(first, done, at).catch(() => undefined);
    await kill;
    await first.kill();

    const second = await startDaemon(state.path);
    const known = new Map((await second.client.list()).map((keep) => [formatKeepId(keep.id), keep]));
    for (const [name, told] of done) {
      const keep = known.get(name);
      if (told === 'removed') assert.equal(keep, undefined, 'what was removed does not come back');
      else {
        // The removal may have happened without its answer.
        if (keep === undefined && step === 'remove') continue;
        assert.ok(keep !== undefined, `${name} was acknowledged`);
        const order = keepStates.indexOf(keep.state);
        assert.ok(order >= keepStates.indexOf(told), `${keep.state}, and ${told} was acknowledged`);
      }
    }
    for (const { id } of known.values()) await second.client.remove(id);
    await eventually('nothing is left but the daemon', () =>
      processesOf(state.path).every((pid) => pid === second.process.pid),
    );
    assert.deepEqual(readdirSync(join(state.path, 'keeps')), []);
    await second.kill();
    state.remove();
  });
}
