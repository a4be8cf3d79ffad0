// SPDX-License-Identifier: Apache-2.0
//
// Keeps whose key is a launch secret, one step at a time: created and launched now, used, heard and verified later, by whoever launched them and by nobody else.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { enarx, errorCode, events, startHost, type Result, type TestHost } from './support/enarx.ts';
import { nothingRunsIn } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { sandbox, type DisposableSandbox } from './support/sandbox.ts';

let box: DisposableSandbox;
let stranger: DisposableSandbox;
let host: TestHost;
let anchor: string;

before(async () => {
  [box, stranger] = await Promise.all([sandbox(), sandbox()]);
  host = await startHost(box);
  anchor = join(host.state, 'sev-anchor.pem');
});
after(async () => {
  await host[Symbol.asyncDispose]();
  await nothingRunsIn(box.root);
  box[Symbol.dispose]();
  stranger[Symbol.dispose]();
});

const keep = (command: string, ...args: readonly string[]): Promise<Result> =>
  enarx(box, ['keep', command, '--host', host.url, ...args]);
const records = (): string[] => {
  const directory = join(box.state, 'launches');
  return existsSync(directory) ? readdirSync(directory) : [];
};
const created = async (): Promise<string> => {
  const { status, stdout, stderr } = await keep('create', '--tee', 'sim-sev', '--anchor', anchor);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^SIMULATED/);
  return stdout.trim();
};
const file = (name: string, bytes: Uint8Array): string => {
  writeFileSync(box.path(name), bytes);
  return box.path(name);
};

test('a launch on a platform that nobody named is refused, says how to mend it, and leaves no Keep, key or record', async () => {
  const { status, stdout, stderr } = await keep('create', '--tee', 'sim-sev');
  assert.equal(status, 10, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /✗ sev\/ark-anchor/);
  assert.match(stderr, /--anchor/);
  assert.equal((await keep('ls', '--json')).stdout.trim(), '[]');
  assert.deepEqual(records(), []);
  assert.deepEqual(readdirSync(join(box.state, 'owners')), []);
});

test('a Keep is created now, verified, given a program later, and heard again, always by the key that was sealed for it', async () => {
  const id = await created();
  const record = join(box.state, 'launches', `${id}.json`);
  assert.equal(statSync(record).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(record, 'utf8'), /PRIVATE/);
  const verified = await keep('attest', '-v', id);
  assert.equal(verified.status, 0, verified.stderr);
  assert.match(verified.stdout, /^accepted \(SIMULATED\): Keep .*, sev, 17 checks$/m);
  for (const check of ['sev/ark-anchor', 'launch/measurement', 'launch/key', 'launch/possession'])
    assert.match(verified.stderr, new RegExp(`✓ ${check}: `));
  const echo = file('echo.wasm', programs.echo());
  const left = await keep('run', '--detach', id, echo);
  assert.equal(left.status, 0, left.stderr);
  const heard = await enarx(box, ['keep', 'attach', '--host', host.url, id], { input: 'given later' });
  assert.equal(heard.status, 0, heard.stderr);
  assert.equal(heard.stdout, 'given later');
  assert.equal((await keep('rm', id)).status, 0);
  assert.deepEqual(records(), [], 'the record goes with the Keep');
});

test('nobody else can verify or use it, with the anchor or without', async () => {
  const id = await created();
  const program = file('print.wasm', programs.print('for nobody'));
  for (const args of [
    ['attest', id],
    ['run', id, program],
    ['attach', id],
  ]) {
    const [command = '', ...rest] = args;
    const refused = await enarx(stranger, [
      ...['keep', command, '--host', host.url, '--json', '--anchor', anchor],
      ...rest,
    ]);
    assert.equal(refused.status === 0, false);
    assert.match(String(errorCode(refused)), /^cli\/(?:launch-not-yours|not-owner)$/, command);
    assert.equal(refused.stdout, '');
  }
  assert.equal((await keep('rm', id)).status, 0);
});

test('a host that answers with another Keep is found out by the key', async () => {
  const [one, other] = [await created(), await created()];
  const ofOne = join(box.state, 'launches', `${one}.json`);
  // What it amounts to when the host connects the client to the Keep of somebody else: it has another key than was sealed.
  writeFileSync(ofOne, readFileSync(join(box.state, 'launches', `${other}.json`)));
  const run = await keep('run', '--json', one, file('secret.wasm', programs.print('secret')));
  assert.equal(run.status, 240, run.stderr);
  const failed = events(run.stderr).filter(({ status }) => status === 'fail');
  assert.deepEqual(
    failed.map(({ id }) => id),
    ['launch/key', 'launch/possession'],
  );
  writeFileSync(ofOne, '{}');
  assert.equal(errorCode(await keep('attest', '--json', one)), 'cli/state-unusable');
  assert.equal((await keep('rm', one, other)).status, 0);
});

test('a Keep with a launch secret has no evidence to make a policy of, one with a processor has', async () => {
  const id = await created();
  const none = await keep('evidence', '--json', id, box.path('none.bin'));
  assert.equal(errorCode(none), 'cli/usage');
  assert.equal((await keep('rm', id)).status, 0);
  assert.equal(errorCode(await keep('create', '--json', '--anchor', anchor)), 'cli/usage');
  const plain = (await keep('create')).stdout.trim();
  const [report, policy] = [box.path('report.bin'), box.path('policy.toml')];
  const written = await keep('evidence', plain, report);
  assert.equal(written.status, 0, written.stderr);
  const trusted = ['--anchor', host.anchor];
  const made = await enarx(box, ['policy', 'init', '--evidence', report, ...trusted, policy]);
  assert.equal(made.status, 0, made.stderr);
  const attested = await keep('attest', ...trusted, '--policy', policy, plain);
  assert.equal(attested.status, 0, attested.stderr);
  assert.match(attested.stdout, /^accepted \(SIMULATED\)/);
  const sealed = await created();
  const unread = await keep('attest', '--json', '--policy', policy, sealed);
  assert.equal(errorCode(unread), 'cli/usage', 'a policy that nobody would look at is not taken');
  assert.equal((await keep('rm', plain, sealed)).status, 0);
  const program = file('nothing.wasm', programs.nothing());
  const nobody = ['--host', 'http://127.0.0.1:9', '--tee', 'sim-sev', '--policy', policy];
  assert.equal(errorCode(await enarx(box, ['run', '--json', ...nobody, program])), 'cli/usage');
});

test('no machine is given more than its host allows, or nonsense', async () => {
  for (const [code, ...args] of [
    ['keepmgr/resources', '--memory', '8GiB'],
    ['keepmgr/resources', '--vcpus', '64'],
    ['cli/usage', '--memory', '1KiB'],
    ['cli/usage', '--vcpus', '0'],
  ] as const) {
    const refused = await keep('create', '--json', '--tee', 'vm', ...args);
    assert.equal(errorCode(refused), code, args.join(' '));
  }
  assert.equal((await keep('ls', '--json')).stdout.trim(), '[]');
});
