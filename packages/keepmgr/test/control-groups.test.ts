// SPDX-License-Identifier: Apache-2.0
//
// What the kernel's files say of a ceiling. Version 1 is also read from the kernel itself, in launchers.test.ts; version 2 is laid out here as
// the kernel's admin-guide (cgroup-v2.rst) and a host with systemd 252 show it.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { checked } from '../src/config/read.ts';
import { ceilingsFor } from '../src/launchers/ceilings.ts';
import { shortfalls } from '../src/launchers/control-groups.ts';

const wanted = { memory: 256, processors: 0.5, tasks: 64 };
const unit = '/enarx.slice/enarx-keep@00.service';
const unifiedMount = '29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';

function kernel(files: Readonly<Record<string, string>>): Disposable & { readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), 'enarx-cgroups-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
  return {
    root,
    [Symbol.dispose]: () => {
      rmSync(root, { recursive: true });
    },
  };
}

function unified(files: Readonly<Record<string, string>>): Record<string, string> {
  const here = Object.entries(files).map(([name, text]) => [`sys/fs/cgroup${unit}/${name}`, text]);
  return {
    'proc/7/cgroup': `0::${unit}`,
    'proc/self/mountinfo': `23 1 0:21 / /proc rw - proc proc rw\n${unifiedMount}`,
    ...(Object.fromEntries(here) as Record<string, string>),
  };
}

const controllers = { 'cgroup.controllers': 'cpuset cpu io memory pids' };
const inForce = { ...controllers, 'memory.max': '268435456', 'cpu.max': '50000 100000', 'pids.max': '64' };

test('ceilings of version 2 that are in force are no shortfall, nor are lower ones', () => {
  for (const files of [
    inForce,
    { ...inForce, 'memory.max': '4096', 'cpu.max': '1000 100000', 'pids.max': '1' },
  ]) {
    using laid = kernel(unified(files));
    assert.deepEqual(shortfalls(7, wanted, laid.root), []);
  }
});

test('each ceiling of version 2 that is higher, absent or no number is a shortfall of its own', () => {
  const cases = [
    ['memory', 'memory.max', ['max', '268435456000', 'what']],
    ['processors', 'cpu.max', ['max 100000', '60000 100000', 'what']],
    ['tasks', 'pids.max', ['max', '65', '']],
  ] as const;
  for (const [ceiling, file, texts] of cases) {
    for (const text of texts) {
      using laid = kernel(unified({ ...inForce, [file]: text }));
      assert.deepEqual(
        shortfalls(7, wanted, laid.root).map((missing) => missing.ceiling),
        [ceiling],
        `${file}: ${text}`,
      );
    }
  }
});

test('without the controller nothing is in force, whatever is written there', () => {
  using laid = kernel(unified({ ...inForce, 'cgroup.controllers': 'hugetlb' }));
  assert.deepEqual(
    shortfalls(7, wanted, laid.root).map(({ ceiling, found }) => [ceiling, found]),
    [
      ['memory', 'no control group of the controller memory'],
      ['processors', 'no control group of the controller cpu'],
      ['tasks', 'no control group of the controller pids'],
    ],
  );
  using nothing = kernel({
    'proc/7/cgroup': '0::/',
    'proc/self/mountinfo': '23 1 0:21 / /proc rw - proc proc rw',
  });
  assert.equal(shortfalls(7, wanted, nothing.root).length, 3);
  assert.equal(shortfalls(8, wanted, nothing.root).length, 3, 'nor of a process that is not there');
  assert.deepEqual(shortfalls(8, {}, nothing.root), [], 'and what is not asked for is not missed');
});

test('with both versions each controller is read where it is', () => {
  const at = (controller: string): string => `sys/fs/cgroup/${controller}${unit}`;
  using laid = kernel({
    'proc/7/cgroup': `9:name=systemd:${unit}\n8:pids:${unit}\n4:memory:${unit}\n2:cpu,cpuacct:${unit}\n0::${unit}`,
    'proc/self/mountinfo': [
      '30 29 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
      '31 29 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
      '32 29 0:28 / /sys/fs/cgroup/cpu\\040acct rw - cgroup cgroup rw,cpu,cpuacct',
      '33 29 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids',
    ].join('\n'),
    [`sys/fs/cgroup/unified${unit}/cgroup.controllers`]: 'hugetlb',
    [`${at('memory')}/memory.limit_in_bytes`]: '268435456',
    [`${at('cpu acct')}/cpu.cfs_quota_us`]: '50000',
    [`${at('cpu acct')}/cpu.cfs_period_us`]: '100000',
    [`${at('pids')}/pids.max`]: '64',
  });
  assert.deepEqual(shortfalls(7, wanted, laid.root), []);
  assert.deepEqual(
    shortfalls(7, { memory: 255, processors: 0.4, tasks: 63 }, laid.root).map(({ found }) => found),
    ['256', '0.5', '64'],
  );
  writeFileSync(join(laid.root, at('cpu acct'), 'cpu.cfs_quota_us'), '-1\n');
  writeFileSync(join(laid.root, at('memory'), 'memory.limit_in_bytes'), '9223372036854771712\n');
  assert.deepEqual(
    shortfalls(7, wanted, laid.root).map(({ ceiling }) => ceiling),
    ['memory', 'processors'],
  );
});

test('a machine has its own memory and processors on top', () => {
  assert.deepEqual(ceilingsFor({ resources: { memory: 1024, vcpus: 2 } }, wanted), {
    memory: 1280,
    processors: 2.5,
    tasks: 64,
  });
  assert.deepEqual(ceilingsFor({ resources: undefined }, { tasks: 9 }), {
    memory: undefined,
    processors: undefined,
    tasks: 9,
  });
});

test('the section `launcher` is strict, and what only units can be held to is refused for child processes', () => {
  const launcher = (section: object): unknown => checked({ launcher: section }, '/').launcher;
  assert.deepEqual(launcher({ kind: 'child' }), { kind: 'child' });
  const whole = {
    kind: 'systemd',
    unit: 'transient',
    memory: 1,
    processors: 0.5,
    tasks: 9,
    unenforced: 'allow',
  };
  assert.deepEqual(launcher(whole), whole);
  for (const section of [
    {},
    { kind: 'kubernetes' },
    { kind: 'child', memory: 100 },
    { kind: 'child', unenforced: 'allow' },
    { kind: 'systemd', memory: 0 },
    { kind: 'systemd', processors: 0 },
    { kind: 'systemd', tasks: 1.5 },
    { kind: 'systemd', unit: 'template@' },
    { kind: 'systemd', unenforced: true },
    { kind: 'systemd', socket: '/tmp/bus' },
  ])
    assert.throws(() => launcher(section), /launcher/, JSON.stringify(section));
});
