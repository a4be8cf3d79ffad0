// SPDX-License-Identifier: Apache-2.0
//
// What somebody meets who uses the command for the first time, and does a thing wrong.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { OwnerKeys } from '../src/state/owner-keys.ts';
import { makePrivate } from '../src/state/directory.ts';
import { Directory, enarx, enarxIn, errorCode } from './support/command.ts';

let box: Directory;
before(async () => {
  box = await Directory.make();
});
after(async () => {
  await box[Symbol.asyncDispose]();
});

test('config check says what the file comes to, and keeps the values of variables to itself', async () => {
  const file = await box.file(
    'Enarx.toml',
    `args = ["a b"]
env = { TOKEN = "hunter2" }
files = [{ kind = "directory", path = "/d", name = "data" }]
limits = { wall = "2s" }`,
  );
  const { status, stdout, stderr } = await enarx('config', 'check', file);
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /arguments: "a b"\n {2}environment: TOKEN\n {2}descriptors: 0 directory \(data\)\n {2}limits: wall 2000\n/,
  );
  assert.doesNotMatch(stdout, /hunter2/);
  assert.match(stderr, /^hint: Programs take descriptor 0 \(directory\)/);
});

test('the template says before its first list what a list replaces', async () => {
  const { stdout } = await enarx('config', 'init');
  assert.match(stdout, /# Descriptors of the program\. The list replaces[^\n]*\n#\[\[files\]\]\n/);
  assert.match(stdout, /#kind = "stdout"\n#\[\[files\]\]\n#kind = "stderr"/);
});

test('help prints what --help prints, of the whole and of each command', async () => {
  for (const command of [[], ['keep'], ['keep', 'create']]) {
    const [asked, flagged] = [await enarx('help', ...command), await enarx(...command, '--help')];
    assert.equal(asked.status, 0, asked.stderr);
    assert.match(asked.stdout, /USAGE/);
    assert.equal(asked.stdout, flagged.stdout);
  }
});

test('a file that is no anchor is named in the error', async () => {
  const [evidence, anchor] = [await box.file('evidence', 'x'), await box.file('no-anchor.pem', 'x')];
  const ended = await enarx(
    'evidence',
    'verify',
    '--json',
    '--no-policy',
    '--evidence',
    evidence,
    '--anchor',
    anchor,
  );
  assert.equal(errorCode(ended), 'anchor/malformed');
  assert.match(ended.stderr, /no-anchor\.pem: 0 PEM blocks/);
});

test('a place for temporary files that is not there, or too long for a socket, is told as such', async () => {
  const long = join(box.path, 'l'.repeat(100));
  mkdirSync(long);
  const program = await box.file('program.wasm', Buffer.from('0061736d01000000', 'hex'));
  for (const [place, found] of [
    [join(box.path, 'absent'), /ENOENT/],
    [long, /a path of at most \d+ bytes/],
  ] as const) {
    const env = { HOME: box.path, TMPDIR: place };
    const ended = await enarxIn(env, 'run', '--json', program);
    assert.equal(errorCode(ended), 'cli/temporary-unusable', ended.stderr);
    assert.equal(ended.status, 243);
    assert.match(ended.stderr, found);
  }
});

test('a state directory that no system can have is refused at once', { timeout: 10_000 }, async () => {
  await assert.rejects(makePrivate('/proc/enarx/state'), { code: 'cli/state-unusable' });
  const file = await box.file('a-file', '');
  await assert.rejects(makePrivate(file), { code: 'cli/state-unusable' });
  await assert.rejects(new OwnerKeys({ XDG_STATE_HOME: '/proc' }).prepare(), { code: 'cli/state-unusable' });
});
