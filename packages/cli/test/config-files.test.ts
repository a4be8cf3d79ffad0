// SPDX-License-Identifier: Apache-2.0
//
// Descriptors of a program as Enarx.toml and --dir give them.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { parseConfig, readConfig } from '../src/config/load.ts';
import { socketRules } from '../src/run/socket-rules.ts';
import { planWorkload, type WorkloadPlan } from '../src/run/workload.ts';

const directory = mkdtempSync(join(tmpdir(), 'enarx-config-'));
after(() => {
  rmSync(directory, { recursive: true });
});
writeFileSync(join(directory, 'ca.pem'), 'PEM');
mkdirSync(join(directory, 'data'));
writeFileSync(join(directory, 'data', 'file'), 'content');

async function plan(toml: string | undefined, dir?: readonly string[]): Promise<WorkloadPlan> {
  const config = toml === undefined ? undefined : join(directory, 'Enarx.toml');
  if (config !== undefined) writeFileSync(config, toml as string);
  const none = {
    env: undefined,
    argv0: undefined,
    listen: undefined,
    maxMemory: undefined,
    timeout: undefined,
    experimentalWasi03: false,
  };
  return planWorkload({ ...none, config, dir }, 'main.wasm', []);
}

const wrong = (toml: string, message: RegExp): void => {
  assert.throws(
    () => parseConfig(toml, 'Enarx.toml'),
    (error: Error & { code?: string }) => error.code === 'config/invalid' && message.test(error.message),
    toml,
  );
};

test('sockets have the defaults of the original: TLS on 443, TCP on 80, a connection its host for a name', async () => {
  const { files, env } = await plan(`
    [[files]]
    kind = "listen"
    name = "web"
    [[files]]
    kind = "listen"
    name = "plain"
    prot = "tcp"
    addr = "::"
    [[files]]
    kind = "connect"
    host = "db.example"
    [[files]]
    kind = "connect"
    host = "::1"
    name = "six"
    prot = "tcp"`);
  assert.deepEqual(files, [
    { kind: 'listen', prot: 'tls', port: 443 },
    { kind: 'listen', prot: 'tcp', port: 80, address: '::' },
    { kind: 'connect', prot: 'tls', host: 'db.example', port: 443, trust: 'public' },
    { kind: 'connect', prot: 'tcp', host: '::1', port: 80 },
  ]);
  assert.deepEqual(Object.fromEntries(env), { FD_COUNT: '4', FD_NAMES: 'web:plain:db.example:six' });
  assert.deepEqual(socketRules(files), {
    listen: ['127.0.0.1:443', '[::]:80'],
    dial: ['db.example:443', '[::1]:80'],
  });
});

test('authorities are read from the place of the configuration', async () => {
  const { files } = await plan(`
    [[files]]
    kind = "listen"
    name = "web"
    clients = ["ca.pem"]
    [[files]]
    kind = "connect"
    host = "h"
    trust = ["ca.pem"]`);
  assert.deepEqual(
    files?.map((file) => ('clients' in file ? file.clients : 'trust' in file ? file.trust : undefined)),
    [['PEM'], ['PEM']],
  );
});

test('directories of the configuration and of --dir are carried, the latter after the usual three', async () => {
  const configured = await plan('[[files]]\nkind = "directory"\nfrom = "data"\npath = "/d"\nreadonly = true');
  assert.deepEqual(configured.files, [{ kind: 'directory', path: '/d', readonly: true }]);
  assert.equal(configured.package?.bytes, 7);
  const given = await plan(undefined, [`${join(directory, 'data')}::guest`]);
  assert.deepEqual(given.files, [
    { kind: 'stdin' },
    { kind: 'stdout' },
    { kind: 'stderr' },
    { kind: 'directory', path: '/guest', name: 'guest' },
  ]);
  assert.equal(given.package?.entries, 2);
  await assert.rejects(plan(undefined, ['::x']), { code: 'cli/usage' });
});

test('a directory as other tools write it, with one colon, is refused with how it is written here', async () => {
  await assert.rejects(plan(undefined, [`${join(directory, 'data')}:/data`]), {
    code: 'cli/usage',
    expected: 'HOST or HOST::GUEST',
  });
  mkdirSync(join(directory, 'a:b'));
  const { files = [] } = await plan(undefined, [join(directory, 'a:b')]);
  assert.equal(files.at(-1)?.kind, 'directory', 'a colon in a name that is there is one');
});

test('whoever lists a directory and no standard streams is told where the output goes', async () => {
  const only = '[[files]]\nkind = "directory"\npath = "/d"';
  const streams = ['null', 'stdout', 'stderr'].map((kind) => `[[files]]\nkind = "${kind}"\n`).join('');
  assert.match(
    String((await plan(only)).hint),
    /0 \(directory\) for standard input, 1 \(which is not there\) for standard output, 2/,
  );
  assert.equal((await plan(`${streams}${only}`)).hint, undefined);
  assert.equal((await plan(undefined, [join(directory, 'data')])).hint, undefined);
});

test('a key of another kind of file is refused, with those that this kind has', () => {
  wrong(
    '[[files]]\nkind = "listen"\nname = "x"\nhost = "h"',
    /files\.0\.host is no key here.*addr, port, clients/s,
  );
  wrong('[[files]]\nkind = "connect"\nhost = "h"\naddr = "::"', /files\.0\.addr is no key here/);
  wrong('[[files]]\nkind = "stdin"\nport = 1', /files\.0\.port is no key here/);
});

test('values that no socket can have are refused', () => {
  wrong('[[files]]\nkind = "listen"', /name/);
  wrong('[[files]]\nkind = "listen"\nname = "a:b"', /without a colon/);
  wrong('[[files]]\nkind = "listen"\nname = "x"\nport = 65536', /a port/);
  wrong('[[files]]\nkind = "connect"\nhost = "h"\nport = 0', /a port/);
  wrong('[[files]]\nkind = "listen"\nname = "x"\nprot = "udp"', /"tls" or "tcp"/);
  wrong(
    '[[files]]\nkind = "listen"\nname = "x"\nprot = "tcp"\nclients = ["ca.pem"]',
    /clients with prot = "tls" only/,
  );
  wrong('[[files]]\nkind = "connect"\nhost = "h"\ntrust = []', /./);
  wrong('[[files]]\nkind = "connect"\nhost = "::1"', /a name, since/);
  for (const host of ['http://db/', 'd b', 'db:80', '[::1]', '*', '', 'x\\u001b[2J']) {
    wrong(`[[files]]\nkind = "connect"\nname = "x"\nhost = "${host}"`, /a name or an address/);
    wrong(`[[files]]\nkind = "listen"\nname = "x"\naddr = "${host}"`, /an address like/);
  }
  for (const host of ['db.example', 'bücher.example', '_srv.x', '10.0.0.1', '::1', 'localhost'])
    parseConfig(`[[files]]\nkind = "connect"\nname = "x"\nhost = "${host}"`, 'Enarx.toml');
  wrong('[[files]]\nkind = "directory"\npath = "/a/../b"', /absolute path/);
  wrong('[[files]]\nkind = "pipe"', /one of/);
});

test('what is wrong is said in words of TOML, at the line of its own table', () => {
  wrong('args = "x"\n', /:1: args is "x"(?=[^]*an array)/);
  wrong('env = ["A"]\n', /:1: env is an array(?=[^]*a table)/);
  wrong('[limits]\nwall = 1.5\n', /:2: limits\.wall is 1\.5(?=[^]*a time like "30s")/);
  wrong('[limits]\nwall = 2020-01-01\n', /:2: limits\.wall is a date or time/);
  wrong('[limits]\nmemory = -1\n', /:2: limits\.memory is -1(?=[^]*a size like "64MiB")/);
  const first = '[[files]]\nkind = "listen"\nname = "a"\nport = 80\n\n';
  wrong(`${first}[[files]]\nkind = "listen"\nport = 81\n`, /:6: files\.1 has no name/);
  wrong(
    `${first}[[files]]\nkind = "listen"\nname = "b"\nport = 8.5\n`,
    /:9: files\.1\.port is 8\.5(?=[^]*a port)/,
  );
  wrong(`${first}[[files]]\nkind = "lsten"\n`, /:7: files\.1\.kind is "lsten"/);
  wrong(
    `[[files]]\nkind = "listen"\nname = "a"\nprot = "tcp"\nclients = ["ca.pem"]\n`,
    /:1: files\.0 is a table(?=[^]*"tls" only)/,
  );
});

test('a mistyped word of a choice is answered with the one that was meant, and another with the choice alone', () => {
  const file = (...lines: string[]): string => ['[[files]]', ...lines].join('\n');
  wrong(file('kind = "listn"'), /:2: files.0.kind is "listn"[^]*one of null[^]*; did you mean "listen"\?/);
  wrong(file('kind = "stdot"'), /did you mean "stdout"\?/);
  wrong(file('kind = "listen"', 'name = "a"', 'prot = "tsl"'), /"tls" or "tcp"; did you mean "tls"\?/);
  wrong(file('kind = "connect"', 'host = "a"', 'trust = "publc"'), /did you mean "public"\?/);
  wrong('optimize = "ful"', /did you mean "full"\?/);
  for (const toml of ['optimize = "fast"', 'optimize = 3', file('kind = "socket"'), file('kind = ""')])
    wrong(toml, /^(?![^]*did you mean)/);
});

test('a program is compiled as optimize says, and as the Keep chooses where it says nothing', async () => {
  for (const optimize of ['auto', 'baseline', 'full'] as const)
    assert.equal((await plan(`optimize = "${optimize}"\n`)).optimize, optimize);
  assert.equal((await plan('')).optimize, undefined);
  wrong('optimize = "fast"\n', /:1: optimize is "fast"(?=[^]*"auto", "baseline", "full")/);
  wrong('optimise = "full"\n', /:1: optimise is no key here(?=[^]*did you mean optimize)/);
});

test('a file that is no UTF-8 is refused, rather than have other arguments than it says', async () => {
  const file = join(directory, 'latin1.toml');
  writeFileSync(file, Buffer.from('args = ["caf\xe9"]\n', 'latin1'));
  await assert.rejects(readConfig(file), { code: 'config/invalid' });
  writeFileSync(file, '\ufeffargs = ["café"]\r\n');
  assert.deepEqual((await readConfig(file)).args, ['café']);
});

test('a file without end is refused, and read no further than a configuration may be long', async () => {
  await assert.rejects(readConfig('/dev/zero'), { code: 'config/invalid' });
});

test('no variable is left out without a word', () => {
  for (const name of ['__proto__', 'constructor', 'prototype'])
    wrong(`[env]\n${name} = "x"\n`, /env is (?=[^]*a table without)/);
  assert.deepEqual(parseConfig('[env]\ntoString = "x"\n', 'Enarx.toml').env, { toString: 'x' });
});

test('authorities for a connection without TLS are refused: nobody would ask them', () => {
  const tcp = '[[files]]\nkind = "connect"\nhost = "db"\nprot = "tcp"\n';
  wrong(`${tcp}trust = ["ca.pem"]\n`, /authorities with prot = "tls" only/);
  parseConfig(tcp, 'Enarx.toml');
});
