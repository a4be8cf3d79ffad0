// SPDX-License-Identifier: Apache-2.0
//
// What a tenant may write comes to the Keep, and nothing that a Keep takes has no way in.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { describeWorkload, moduleFromBytes } from '@enarx/client';
import { decodeMessage, deliver, limits, type Deliver } from '@enarx/protocol';

import { workloadFlags, type WorkloadFlags } from '../src/commands/flags.ts';
import { tables } from '../src/config/schema.ts';
import { planWorkload } from '../src/run/workload.ts';

const directory = mkdtempSync(join(tmpdir(), 'enarx-options-'));
after(() => {
  rmSync(directory, { recursive: true });
});
writeFileSync(join(directory, 'ca.pem'), 'PEM');
mkdirSync(join(directory, 'data'));
writeFileSync(join(directory, 'data', 'file'), 'content');

/** The message in which a Keep gets what is written, as its loader reads it. */
async function delivered(toml: string, flags: Partial<WorkloadFlags> = {}): Promise<Deliver> {
  const config = join(directory, 'Enarx.toml');
  writeFileSync(config, toml);
  const none = Object.fromEntries(Object.keys(workloadFlags).map((name) => [name, undefined]));
  const plan = await planWorkload(
    { ...(none as unknown as WorkloadFlags), config, ...flags },
    '/bin/main.wasm',
    ['last'],
  );
  return decodeMessage(deliver, describeWorkload({ module: moduleFromBytes(Uint8Array.of(7)), ...plan }));
}

const file = (...lines: string[]): string => ['[[files]]', ...lines].join('\n');
const listening = ['kind = "listen"', 'name = "a"'];
const connecting = ['kind = "connect"', 'host = "h"'];
const usual = { kind: 'listen', prot: 'tls', port: 443 };
const connected = { kind: 'connect', prot: 'tls', host: 'h', port: 443, trust: 'public' };
const named = (name: string): Partial<Deliver> => ({
  env: [
    ['FD_COUNT', '1'],
    ['FD_NAMES', name],
  ],
});

/** For each key that may be written: something to write, and what the Keep gets of it. */
const written: Readonly<Record<keyof typeof tables, Readonly<Record<string, [toml: string, got: object]>>>> =
  {
    '': {
      args: ['args = ["first"]', { args: ['main.wasm', 'first', 'last'] }],
      env: ['env = { A = "b" }', { env: [['A', 'b']] }],
      files: [file('kind = "null"'), { files: [{ kind: 'null' }] }],
      optimize: ['optimize = "full"', { optimize: 'full' }],
      limits: ['limits = { inodes = 3 }', { limits: { inodes: 3 } }],
    },
    '[[files]]': {
      kind: [file('kind = "stderr"'), { files: [{ kind: 'stderr' }] }],
      name: [file('kind = "stdin"', 'name = "in"'), named('in')],
    },
    '[[files]] directory': {
      kind: [file('kind = "directory"', 'path = "/d"'), { files: [{ kind: 'directory', path: '/d' }] }],
      from: [
        file('kind = "directory"', 'path = "/d"', 'from = "data"'),
        { package: { entries: 2, bytes: 7 } },
      ],
      path: [file('kind = "directory"', 'path = "/e"'), { files: [{ kind: 'directory', path: '/e' }] }],
      name: [file('kind = "directory"', 'path = "/d"', 'name = "n"'), named('n')],
      readonly: [
        file('kind = "directory"', 'path = "/d"', 'readonly = true'),
        { files: [{ kind: 'directory', path: '/d', readonly: true }] },
      ],
    },
    '[[files]] listen': {
      kind: [file(...listening), { files: [usual] }],
      name: [file('kind = "listen"', 'name = "web"'), named('web')],
      prot: [file(...listening, 'prot = "tcp"'), { files: [{ kind: 'listen', prot: 'tcp', port: 80 }] }],
      addr: [file(...listening, 'addr = "::"'), { files: [{ ...usual, address: '::' }] }],
      port: [file(...listening, 'port = 0'), { files: [{ ...usual, port: 0 }] }],
      clients: [file(...listening, 'clients = ["ca.pem"]'), { files: [{ ...usual, clients: ['PEM'] }] }],
    },
    '[[files]] connect': {
      kind: [file(...connecting), { files: [connected] }],
      host: [file('kind = "connect"', 'host = "other"'), { files: [{ ...connected, host: 'other' }] }],
      name: [file(...connecting, 'name = "db"'), named('db')],
      prot: [
        file(...connecting, 'prot = "tcp"'),
        { files: [{ kind: 'connect', prot: 'tcp', host: 'h', port: 80 }] },
      ],
      port: [file(...connecting, 'port = 5432'), { files: [{ ...connected, port: 5432 }] }],
      trust: [file(...connecting, 'trust = ["ca.pem"]'), { files: [{ ...connected, trust: ['PEM'] }] }],
    },
    '[limits]': {
      memory: ['limits.memory = "2MiB"', { limits: { memory: 2_097_152 } }],
      wall: ['limits.wall = "2s"', { limits: { wall: 2000 } }],
      cpu: ['limits.cpu = "3s"', { limits: { cpu: 3000 } }],
      output: ['limits.output = "1KiB"', { limits: { output: 1024 } }],
      stack: ['limits.stack = "3MiB"', { limits: { stack: 3_145_728 } }],
      storage: ['limits.storage = "4MiB"', { limits: { storage: 4_194_304 } }],
      inodes: ['limits.inodes = 5', { limits: { inodes: 5 } }],
      descriptors: ['limits.descriptors = 6', { limits: { descriptors: 6 } }],
      traffic: ['limits.traffic = "7KiB"', { limits: { traffic: 7168 } }],
      request: ['limits.request = "8s"', { limits: { request: 8000 } }],
      requests: ['limits.requests = 9', { limits: { requests: 9 } }],
    },
  };

for (const [table, keys] of Object.entries(written))
  describe(`of ${table === '' ? 'the top of Enarx.toml' : table}`, () => {
    test('every key is tried here', () => {
      const { entries } = tables[table as keyof typeof tables];
      assert.deepEqual(Object.keys(keys).sort(), Object.keys(entries).sort());
    });
    for (const [key, [toml, got]] of Object.entries(keys))
      test(`${key} reaches the Keep`, async () => {
        const message = await delivered(toml);
        assert.deepEqual(
          Object.fromEntries(Object.keys(got).map((name) => [name, Reflect.get(message, name)])),
          got,
        );
        const without = await delivered('');
        for (const name of Object.keys(got))
          assert.notDeepEqual(
            Reflect.get(message, name),
            Reflect.get(without, name),
            'it would be so anyway',
          );
      });
  });

/** Keys of the message that have another way in than Enarx.toml. */
const otherwise = {
  size: 'the program itself',
  digest: 'the program itself',
  detach: 'enarx run --detach',
  package: 'directories among the files, and --dir',
} as const;

test('every key of a delivery has a way in', () => {
  const wire = keysOf(deliver.schema);
  assert.deepEqual(wire.sort(), [...Object.keys(tables[''].entries), ...Object.keys(otherwise)].sort());
});

test('every limit that a Keep keeps can be written', () => {
  assert.deepEqual(keysOf(limits).sort(), Object.keys(tables['[limits]'].entries).sort());
});

/** Of a map, or of what is a map at the end of its pipe. */
function keysOf(schema: object): string[] {
  const { entries, pipe } = schema as { readonly entries?: object; readonly pipe?: readonly object[] };
  const inner = entries === undefined ? pipe?.at(-1) : undefined;
  return inner === undefined ? Object.keys(entries ?? {}) : keysOf(inner);
}

/** What stands on the command line, and what the Keep gets of it; each stands over the configuration. */
const flags: Readonly<Record<Exclude<keyof WorkloadFlags, 'config'>, [Partial<WorkloadFlags>, object]>> = {
  env: [{ env: ['A=c'] }, { env: [['A', 'c']] }],
  dir: [{ dir: [join(directory, 'data')] }, { package: { entries: 2, bytes: 7 } }],
  argv0: [{ argv0: 'name' }, { args: ['name', 'last'] }],
  listen: [
    { listen: ['8443'] },
    {
      files: [{ kind: 'stdin' }, { kind: 'stdout' }, { kind: 'stderr' }, { ...usual, port: 8443 }],
    },
  ],
  maxMemory: [{ maxMemory: '1MiB' }, { limits: { memory: 1_048_576 } }],
  timeout: [{ timeout: '1s' }, { limits: { memory: 2_097_152, wall: 1000 } }],
  // Decides how a component is taken apart on this side; component.test.ts of the client tries it.
  experimentalWasi03: [{}, {}],
};

test('every flag of `enarx run` about the program reaches the Keep, over what is written', async () => {
  assert.deepEqual([...Object.keys(flags), 'config'].sort(), Object.keys(workloadFlags).sort());
  for (const [flag, [given, got]] of Object.entries(flags)) {
    const message = await delivered('env.A = "b"\nlimits.memory = "2MiB"\n', given);
    for (const [name, value] of Object.entries(got))
      assert.deepEqual(Reflect.get(message, name), value, flag);
  }
});
