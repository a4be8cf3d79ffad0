// SPDX-License-Identifier: Apache-2.0
//
// Kills each process at each write of the daemon: before it, in its middle, behind it, and behind its sync where it has one. Then nothing may be
// lost that was acknowledged, nothing left over, and no secret on the disk or in a log.
// ENARX_KILL_POINTS=all runs every point; `npm test` a few.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { formatKeepId, keepStates, type KeepState } from '@enarx/protocol';

import { Faults, faultsMissing, places, startFaulty, type FaultyDaemon } from './support/faults.ts';
import { eventually, processesOf, stateDirectory } from './support/host.ts';

const victims = ['daemon', 'loader', 'guest'] as const;
/** Commits of one Keep's life: its creation, its processes, each state, its end, its removal; and one more for what comes late. */
const commits = 10;
/** What the client puts into the Keep, and nobody but the Keep may know. */
const secret = 'a-word-between-client-and-keep-5b1e';

interface Point {
  readonly victim: (typeof victims)[number];
  readonly commit: number;
  readonly place: keyof typeof places;
}

const all: readonly Point[] = Array.from({ length: commits }, (_, index) => index + 1).flatMap((commit) =>
  (['before', 'torn', 'written', 'synced'] as const).flatMap((place) =>
    victims.map((victim) => ({ victim, commit, place })),
  ),
);
const few = all.filter((_, index) => index % 31 === 4);
const points = env['ENARX_KILL_POINTS'] === undefined ? few : all;

/** One client's way through a Keep's life; each answer is an acknowledgement. */
async function live({ client }: FaultyDaemon, told: Map<string, KeepState | 'removed'>): Promise<void> {
  const { id } = await client.create();
  const name = formatKeepId(id);
  told.set(name, 'launching');
  const note = async (word: KeepState): Promise<void> => {
    const { state } = await client.reaches(id, word, 'failed', 'exited');
    told.set(name, state);
  };
  await note('ready');
  for (const [command, word] of [
    [`claim ${secret}`, 'claimed'],
    [`proceed ${secret}`, 'running'],
    [`conclude ${secret}`, 'exited'],
  ] as const) {
    await client.tell(id, command);
    await note(word);
  }
  told.set(name, (await client.stop(id)).state);
  await client.remove(id);
  told.set(name, 'removed');
}

function processOf(state: string, daemon: FaultyDaemon, victim: Point['victim']): number | undefined {
  if (victim === 'daemon') return daemon.process.pid;
  const isLoader = (pid: number): boolean => read(`/proc/${String(pid)}/cmdline`).includes('keepldr.js');
  return processesOf(state)
    .filter((pid) => pid !== daemon.process.pid)
    .find((pid) => isLoader(pid) === (victim === 'loader'));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Everything below a directory that is a file. */
function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

for (const { victim, commit, place } of points)
  test(
    `the ${victim} is killed at commit ${String(commit)}, ${place}`,
    { skip: faultsMissing() },
    async () => {
      const state = await stateDirectory();
      using faults = new Faults(state.path);
      const first = await startFaulty(state.path, { env: faults.env });
      const base = faults.get('commits');
      faults.set('stopWhere', places[place]);
      faults.set('stopAt', base + commit);
      const told = new Map<string, KeepState | 'removed'>();
      const living = live(first, told).catch(() => undefined);
      const life = { over: false };
      void living.then(() => {
        life.over = true;
      });
      // A life may have fewer commits than there are points.
      while (faults.get('waiting') === 0 && !life.over) await sleep(5);
      if (faults.get('waiting') !== 0) {
        const pid = processOf(state.path, first, victim);
        try {
          if (pid !== undefined) process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended by itself.
        }
        faults.set('goOn', 1);
      }
      await living;
      if (first.process.exitCode === null) first.process.kill('SIGKILL');
      await first.ended;
      const before = new Map(told);

      await using second = await startFaulty(state.path);
      const known = new Map((await second.client.list()).map((keep) => [formatKeepId(keep.id), keep]));
      for (const [name, word] of before) {
        const keep = known.get(name);
        if (word === 'removed') assert.equal(keep, undefined, 'what was removed does not come back');
        else if (keep === undefined) assert.equal(word, 'exited', `${name} was acknowledged: ${word}`);
        else
          assert.ok(keepStates.indexOf(keep.state) >= keepStates.indexOf(word), `${keep.state}, not ${word}`);
      }
      for (const { id } of known.values()) await second.client.remove(id);
      await eventually('nothing is left but the daemon', () =>
        processesOf(state.path).every((pid) => pid === second.process.pid),
      );
      assert.deepEqual(readdirSync(join(state.path, 'keeps')), []);
      const where = filesIn(state.path).map((path) => [path, read(path)] as const);
      for (const [path, content] of [...where, ['log', first.log() + second.log()] as const])
        assert.ok(!content.includes(secret), `${path} holds what the client said to the Keep`);
      state.remove();
    },
  );
