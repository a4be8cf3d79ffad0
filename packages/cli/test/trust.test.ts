// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { join } from 'node:path';

import type { Platform } from '@enarx/protocol';

import { readTrust } from '../src/run/trust.ts';
import { Directory, enarx, errorCode } from './support/command.ts';

let box: Directory;
let image: string;
const [snp, mrtd] = ['aa'.repeat(48), 'bb'.repeat(48)];

before(async () => {
  box = await Directory.make();
  const measured = { size: 1, sha256: '0'.repeat(64) };
  const file = await box.file(
    'image.json',
    JSON.stringify({
      format: 'enarx-image/1',
      release: '0',
      commandLine: '',
      kernel: measured,
      initrd: measured,
      firmware: measured,
      tdxFirmware: measured,
      files: [],
      digests: {
        snp: [{ vcpus: 2, type: 'EPYC-v4', digest: snp }],
        sev: [],
        'sev-es': [],
        tdx: [{ digest: mrtd }],
      },
    }),
  );
  image = join(file, '..');
});
after(async () => {
  await box[Symbol.asyncDispose]();
});

const nothing = { anchor: undefined, policy: undefined, endorsements: [] };

test('what a processor is worth is for a policy to say, and the error has the digest that belongs into it', async () => {
  const at = { release: box.path, image, vcpus: 2 };
  const missing = (message: RegExp) => ({ code: 'cli/policy-missing', message });
  await assert.rejects(readTrust(nothing, 'snp', at), missing(new RegExp(`measures as ${snp}`)));
  await assert.rejects(readTrust(nothing, 'tdx', at), missing(new RegExp(`the MRTD ${mrtd}`)));
  await assert.rejects(readTrust(nothing, 'sgx', at), missing(/found --tee sgx$|--tee sgx/));
  const other = { ...at, vcpus: 3 };
  await assert.rejects(
    readTrust(nothing, 'snp', other),
    (error: Error) => !error.message.includes('measures as'),
  );
});

test('nobody is asked for a Keep that no policy could judge', async () => {
  const program = await box.file('empty.wasm', Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  for (const tee of ['snp', 'tdx', 'sgx']) {
    const result = await enarx('run', '--host', 'http://127.0.0.1:9', '--tee', tee, '--json', program);
    assert.equal(result.status, 64, result.stderr);
    assert.equal(errorCode(result), 'cli/policy-missing');
  }
});

test('a policy or a root that cannot be read is refused before any host is asked', async () => {
  const program = await box.file('empty.wasm', Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const [text, cutOff, wrong] = [
    await box.file('text.pem', 'no PEM\n'),
    await box.file('cut.pem', '-----BEGIN CERTIFICATE-----\nMIIB\n'),
    await box.file('wrong.toml', 'version = 1\nanchors = "of mine"\n'),
  ];
  const id = '0'.repeat(32);
  // Whoever asked this host would be told that nobody is there.
  const at = ['--json', '--host', 'http://127.0.0.1:9'];
  for (const [code, ...args] of [
    ['anchor/malformed', 'run', ...at, '--anchor', text, program],
    ['pem/malformed', 'run', ...at, '--anchor', cutOff, program],
    ['anchor/malformed', 'keep', 'create', ...at, '--tee', 'sim-sev', '--anchor', text],
    ['anchor/malformed', 'keep', 'run', ...at, '--anchor', text, id, program],
    ['policy/invalid', 'run', ...at, '--policy', wrong, program],
    ['policy/invalid', 'keep', 'attest', ...at, '--policy', wrong, id],
    ['client/host-unreachable', 'keep', 'attest', ...at, id],
  ] as const) {
    const result = await enarx(...args);
    assert.equal(errorCode(result), code, `${args.join(' ')}: ${result.stderr}`);
  }
});

test('a kind that one’s own machine cannot make asks for no policy, which nobody could write', async () => {
  const program = await box.file('none.wasm', Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const result = await enarx('run', '--tee', 'sgx', '--json', program);
  assert.equal(result.status, 241, result.stderr);
  assert.equal(errorCode(result), 'tee/unsupported');
  assert.match(result.stderr, /no backend for sgx/);
});

test('what this machine can make is what a run here would find: without an image no machines', async () => {
  const result = await enarx('platform', '--json');
  const { backends } = JSON.parse(result.stdout) as Platform;
  for (const tee of ['vm', 'snp', 'tdx']) {
    const backend = backends.find((each) => each.tee === tee);
    assert.equal(backend?.usable, false);
    const probe = backend.probes.find(({ id }) => id === 'image');
    assert.match(probe?.remedy ?? '', /enarx image build/);
  }
});
