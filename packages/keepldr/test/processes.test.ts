// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  bootId,
  isAlive,
  killOwnGroup,
  killRecordedGroup,
  killThoseIn,
  leadsGroupBelow,
  referenceTo,
  type ProcessReference,
} from '../src/processes.ts';
import { eventually, ownDirectory } from './support/sockets.ts';

const sleeper = ['--eval', 'console.log("up"); setInterval(() => undefined, 1000)'];

async function start(script: readonly string[] = sleeper, detached = true): Promise<ChildProcess> {
  const child = spawn(process.execPath, script, { detached, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

function reference(child: ChildProcess): ProcessReference {
  const found = referenceTo(child.pid as number);
  assert.ok(found !== undefined);
  return found;
}

/** A leader that starts a member in its own group, prints the member's id and ends. */
async function groupWithoutLeader(): Promise<{ leader: ProcessReference; member: number }> {
  const script = `
    const { spawn } = require('node:child_process');
    const member = spawn(process.execPath, ['--eval', 'setInterval(() => undefined, 1000) // member'], { stdio: 'ignore' });
    console.log(member.pid);
    process.stdin.once('data', () => process.exit(0));`;
  const child = spawn(process.execPath, ['--eval', script], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const leader = reference(child);
  child.stdin.end('end');
  await once(child, 'exit');
  return { leader, member: Number(line.toString()) };
}

test('a process is told from a later one with the same id by its start', async () => {
  const child = await start();
  const [id, began] = reference(child);
  assert.ok(isAlive([id, began]));
  assert.ok(!isAlive([id, began - 1]));
  assert.ok(leadsGroupBelow([id, began], process.pid));
  assert.ok(!leadsGroupBelow([id, began + 1], process.pid), 'another process with that id');
  assert.ok(!leadsGroupBelow([id, began], 1), 'the child of somebody else');
  killOwnGroup(id);
  await once(child, 'exit');
  assert.ok(!isAlive([id, began]));
  assert.equal(referenceTo(id), undefined);
});

test('a child that leads no group of its own is not taken for a leader', async () => {
  const child = await start(sleeper, false);
  assert.ok(!leadsGroupBelow(reference(child), process.pid));
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('a zombie does not count as running', async () => {
  // A stopped shell does not wait for its child.
  const script = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['--eval', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
    console.log(child.pid);
    setInterval(() => undefined, 1000);`;
  const parent = spawn(process.execPath, ['--eval', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const child = referenceTo(Number(line.toString())) as ProcessReference;
  process.kill(parent.pid as number, 'SIGSTOP');
  process.kill(child[0], 'SIGKILL');
  await eventually('the child is a zombie', () => !isAlive(child));
  assert.notEqual(referenceTo(child[0]), undefined, 'its entry is still there');
  killOwnGroup(parent.pid as number);
});

test('killing a recorded group reaches every member', async () => {
  const script = `
    const { spawn } = require('node:child_process');
    const member = spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' });
    console.log(member.pid);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--eval', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const member = referenceTo(Number(line.toString())) as ProcessReference;
  assert.ok(killRecordedGroup(reference(child), () => false));
  await once(child, 'exit');
  await eventually('the member is gone', () => !isAlive(member));
});

test('a group whose leader has gone is found by its members, and only by those that are ours', async () => {
  const { leader, member } = await groupWithoutLeader();
  const started = referenceTo(member) as ProcessReference;
  assert.ok(!killRecordedGroup(leader, () => false), 'a stranger in a group of that number');
  assert.ok(isAlive(started));
  assert.ok(!killRecordedGroup([leader[0], started[1] + 1_000_000], () => true), 'older than the leader');
  assert.ok(isAlive(started));
  assert.ok(killRecordedGroup(leader, (line) => line.includes('// member')));
  await eventually('the member is gone', () => !isAlive(started));
  assert.ok(!killRecordedGroup(leader, () => true), 'nothing is left');
});

test('an id that another process has by now is left alone', async () => {
  const child = await start();
  const [id, began] = reference(child);
  assert.ok(!killRecordedGroup([id, began - 1], () => true));
  assert.ok(isAlive([id, began]));
  killOwnGroup(id);
  await once(child, 'exit');
});

test('whoever names the directory of a Keep or stands in it is found and killed, and nobody else', async () => {
  using directory = ownDirectory();
  const named = await start(['--eval', sleeper[1] as string, join(directory.path, 'guest')]);
  const standing = spawn(process.execPath, sleeper, {
    cwd: directory.path,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(standing.stdout, 'data');
  const other = await start();
  const references = [named, standing].map(reference);
  assert.equal(killThoseIn(directory.path), 2);
  await eventually('both are gone', () => references.every((one) => !isAlive(one)));
  assert.equal(killThoseIn(directory.path), 0);
  assert.ok(isAlive(reference(other)));
  other.kill('SIGKILL');
});

test('ids 0 and 1, which mean "own group" and "everybody" when negated, are never signalled', () => {
  killOwnGroup(0);
  killOwnGroup(1);
});

test('the boot has an identifier', () => {
  assert.match(bootId(), /^[0-9a-f-]{36}$/);
});
