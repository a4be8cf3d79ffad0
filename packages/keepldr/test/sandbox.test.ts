// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { bubblewrap } from '../src/sandbox/bubblewrap.ts';
import { confinementNamed, probeSandboxes, strongestSandbox } from '../src/sandbox/choose.ts';
import { plain } from '../src/sandbox/plain.ts';
import { seccompFilter } from '../src/sandbox/seccomp.ts';
import { setpriv } from '../src/sandbox/setpriv.ts';
import { findTool, tryCommand } from '../src/sandbox/tool.ts';
import { reachIn } from './support/reach.ts';
import { ownDirectory } from './support/sockets.ts';

const { probes } = await probeSandboxes();
const works = (id: string): string | false => {
  const probe = probes.find((candidate) => candidate.id === id);
  return probe?.pass === true ? false : `${id}: ${probe?.found ?? 'not probed'}`;
};

test(
  'in bubblewrap a guest that has shaken off the permission model still reaches nothing of the host',
  { skip: works('sandbox-bubblewrap') },
  async () => {
    const reach = await reachIn(bubblewrap(), 'escape');
    assert.equal(reach.readOwnFile, 'yes');
    assert.equal(reach.writeOwnDirectory, 'yes');
    assert.equal(reach.writeRelease, 'EROFS');
    assert.equal(reach.readPasswords, 'ENOENT');
    assert.equal(reach.readSibling, 'ENOENT');
    assert.equal(reach.writeRoot, 'EROFS');
    for (const inMemory of [reach.writeTemporary, reach.writeDevices, reach.writeShared])
      assert.equal(inMemory, 'EROFS', 'it would take memory of the host that nothing bounds');
    assert.equal(reach.listHomes, 'ENOENT');
    assert.equal(reach.runShell, 'ENOENT');
    assert.equal(reach.reachLoopback, 'EAFNOSUPPORT', 'the filter takes every family but AF_UNIX');
    assert.equal(reach.reachHostSocket, 'ENOENT');
    assert.equal(reach.reachAbstractSocket, 'ECONNREFUSED', 'a network namespace has its own abstract names');
    assert.equal(reach.signalHost, 'ESRCH');
    assert.equal(reach.seeHost, 'ENOENT');
    assert.deepEqual(
      reach.environment.filter((name) => name !== 'PWD'),
      [],
    );
    assert.ok(reach.processes <= 4, `${String(reach.processes)} processes in sight`);
    assert.equal(reach.status['NoNewPrivs'], '1');
    assert.equal(reach.status['Seccomp'], '2');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.match(reach.status[set] ?? '', /^0+$/, set);
  },
);

test(
  'in bubblewrap the permission model is a ring of its own',
  { skip: works('sandbox-bubblewrap') },
  async () => {
    const reach = await reachIn(bubblewrap(), 'stay');
    assert.equal(reach.readOwnFile, 'yes');
    assert.equal(reach.writeOwnDirectory, 'ERR_ACCESS_DENIED');
    assert.equal(reach.readPasswords, 'ERR_ACCESS_DENIED');
  },
);

test(
  'with setpriv a guest has no capability and gains none, and files are left to the permission model',
  { skip: works('sandbox-setpriv') },
  async () => {
    const escaped = await reachIn(setpriv(), 'escape');
    assert.equal(escaped.status['NoNewPrivs'], '1');
    for (const set of ['CapInh', 'CapAmb']) assert.match(escaped.status[set] ?? '', /^0+$/, set);
    if (process.getuid?.() === 0) {
      for (const set of ['CapPrm', 'CapEff', 'CapBnd']) assert.match(escaped.status[set] ?? '', /^0+$/, set);
    }
    await refusesFiles(await reachIn(setpriv(), 'stay'));
  },
);

test('the permission model alone refuses files', { skip: works('sandbox-plain') }, async () => {
  await refusesFiles(await reachIn(plain(), 'stay'));
});

async function refusesFiles(reach: Awaited<ReturnType<typeof reachIn>>): Promise<void> {
  assert.equal(reach.readOwnFile, 'yes');
  for (const refused of [
    reach.writeOwnDirectory,
    reach.writeRelease,
    reach.readPasswords,
    reach.readSibling,
    reach.writeRoot,
    reach.listHomes,
  ]) {
    assert.equal(refused, 'ERR_ACCESS_DENIED');
  }
  assert.deepEqual(reach.environment, []);
  return Promise.resolve();
}

test('the strongest sandbox that works is chosen, in the order bubblewrap, setpriv, plain', async () => {
  const expected = (['bubblewrap', 'setpriv', 'plain'] as const).find(
    (name) => works(`sandbox-${name}`) === false,
  );
  assert.equal(await strongestSandbox(), expected);
  assert.equal(confinementNamed('setpriv').name, 'setpriv');
});

test('a tool that is there and does not work is told with what it said and how to mend it', async () => {
  using directory = ownDirectory();
  const broken = join(directory.path, 'bwrap');
  writeFileSync(broken, '#!/bin/sh\necho "No permissions to create new namespace" >&2\nexit 1\n');
  chmodSync(broken, 0o755);
  for (const [probe, remedy] of [
    [await bubblewrap(broken).probe(), /user namespaces/],
    [await setpriv(broken).probe(), /util-linux/],
  ] as const) {
    assert.equal(probe.pass, false);
    assert.match(probe.found, /ended with 1: No permissions to create new namespace/);
    assert.match(probe.remedy ?? '', remedy);
  }
});

test('a tool that never answers, floods, or cannot be started fails its probe in bounded time', async () => {
  const hang = await tryCommand({ file: '/bin/sh', args: ['-c', 'exec sleep 60'], inputs: [] }, 300);
  assert.match(hang ?? '', /SIGKILL/);
  const flood = await tryCommand({ file: '/bin/sh', args: ['-c', 'yes enarx >&2'], inputs: [] }, 300);
  assert.ok((flood ?? '').length < 600);
  assert.match((await tryCommand({ file: '/nonexistent', args: [], inputs: [] })) ?? '', /ENOENT/);
  const input = new Uint8Array(1 << 20);
  assert.equal(
    await tryCommand({ file: '/bin/true', args: [], inputs: [input] }),
    undefined,
    'a reader that does not read',
  );
});

test('tools are looked for in the directories of the system, never in PATH', () => {
  using directory = ownDirectory();
  writeFileSync(join(directory.path, 'bwrap'), '');
  assert.equal(findTool('bwrap', [directory.path]), undefined, 'a file that is not executable');
  chmodSync(join(directory.path, 'bwrap'), 0o755);
  assert.equal(findTool('bwrap', [directory.path]), join(directory.path, 'bwrap'));
  assert.equal(findTool('no-such-tool'), undefined);
});

test('there is a filter for the machines whose calls are known, and none for others', () => {
  for (const machine of ['x64', 'arm64']) {
    const filter = seccompFilter(machine) as Uint8Array;
    assert.equal(filter.length % 8, 0);
    assert.ok(filter.length / 8 <= 4096, 'BPF_MAXINSNS');
  }
  assert.equal(seccompFilter('riscv64'), undefined);
});
