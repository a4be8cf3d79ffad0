// SPDX-License-Identifier: Apache-2.0
//
// The interfaces that a component finds, held against the WIT of WASI.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { componentImports } from '../../src/component/bundle.ts';
import type { ComponentHost } from '../../src/component/host.ts';
import { componentInterfaces } from '../../src/component/interfaces.ts';

/** What components export, and what no world includes that a Keep knows (an unstable part of the clocks). */
const notOurs = ['wasi:cli/run', 'wasi:http/incoming-handler', 'wasi:clocks/timezone'];
/** A socket of this sort is never given out, so that nobody can call what it has. */
const neverThere = 'wasi:sockets/udp';

const functions = readFileSync(join(import.meta.dirname, 'wasi-0.2.12.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [name = '', rest = ''] = line.split('#');
    const [, kind, owner = '', , own = ''] = /^\[(\w+)\]([\w-]+)(\.([\w-]+))?$/.exec(rest) ?? [];
    return { line, name, kind, owner, call: kind === undefined ? rest : own };
  })
  .filter(({ name }) => !notOurs.includes(name));

const interfaces = componentInterfaces({ given: [], network: { listeners: [] } } as unknown as ComponentHost);

/** As jco writes names in JavaScript. */
function camel(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
function pascal(name: string): string {
  return camel(`-${name}`);
}

function found({ name, kind, owner, call }: (typeof functions)[number]): unknown {
  const all = interfaces[name as keyof typeof interfaces] as Record<string, unknown> | undefined;
  const resource = all?.[pascal(owner)] as (Record<string, unknown> & { prototype: object }) | undefined;
  if (kind === 'resource') return resource;
  if (kind === 'static') return resource?.[camel(call)];
  if (kind === 'method') return (resource?.prototype as Record<string, unknown> | undefined)?.[camel(call)];
  return all?.[camel(call)];
}

test('every function and resource of the worlds of WASI 0.2 is there', () => {
  assert.ok(functions.length > 190);
  const missing = functions.filter(
    (one) => typeof found(one) !== 'function' && !(one.name === neverThere && one.kind === 'method'),
  );
  assert.deepEqual(
    missing.map(({ line }) => line),
    [],
  );
});

test('no interface is there that WASI does not have, and none has a function of another name', () => {
  assert.deepEqual([...new Set(functions.map(({ name }) => name))].sort(), [...componentImports].sort());
  for (const [name, own] of Object.entries(interfaces)) {
    const known = functions
      .filter((one) => one.name === name && (one.kind === undefined || one.kind === 'resource'))
      .map(({ kind, owner, call }) => (kind === undefined ? camel(call) : pascal(owner)));
    assert.deepEqual(
      Object.keys(own).filter((key) => !known.includes(key)),
      [],
      name,
    );
  }
});
