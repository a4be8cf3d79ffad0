// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';

import { readCmw, type CmwRecord } from '@enarx/attestation/cmw';
import { createSimulatedIntelPlatform } from '@enarx/simulator/intel';

import { Directory, enarx, errorCode, vectorPath, withoutVectors } from './support/command.ts';

// Quotes of SGX and TDX from the command line: a genuine guest with its event log, and simulated ones of both kinds.

const at = '2026-06-01T12:00:00Z';
const eventLog = join(import.meta.dirname, '../../attestation/test/intel/fixtures/cos-113-ccel.bin');
let box: Directory;
before(async () => {
  box = await Directory.make();
});
after(async () => {
  await box[Symbol.asyncDispose]();
});

const given = (files: readonly string[]): string[] => files.flatMap((file) => ['--endorsements', file]);

suite('a genuine quote of TDX', { skip: withoutVectors }, () => {
  interface Entry {
    readonly file: string;
    readonly class?: string;
    readonly verifyAt: string;
    readonly collateral: readonly { readonly file: string }[];
  }
  const entry = (): Entry =>
    (JSON.parse(readFileSync(vectorPath('../tdx/INDEX.json'), 'utf8')) as Entry[]).find(
      ({ file, class: sort }) => file.endsWith('cos-113-tdx-quote.dat') && sort === undefined,
    ) as Entry;
  const verify = (...more: readonly string[]): ReturnType<typeof enarx> => {
    const { file, verifyAt, collateral } = entry();
    const endorsed = given(collateral.map((one) => vectorPath(`../tdx/${one.file}`)));
    const evidence = vectorPath(`../tdx/${file}`);
    return enarx(
      'evidence',
      'verify',
      '--no-policy',
      '--evidence',
      evidence,
      '--at',
      verifyAt,
      ...endorsed,
      ...more,
    );
  };

  test('verifies, and the event log that is given replays to its registers', async () => {
    const { status, stdout } = await verify('--endorsements', eventLog);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /✓ quote\/event-log: \d+ events make RTMR0, RTMR1, RTMR2, RTMR3/);
    assert.doesNotMatch(stdout, /SIMULATED/);
  });

  test('is rejected with an event log that makes other registers', async () => {
    const log = readFileSync(eventLog);
    // Behind the first event each has one digest: its algorithm, SHA-384, then its 48 bytes.
    const first = log.indexOf(Buffer.from([1, 0, 0, 0, 0x0c, 0]), 100) + 6;
    log[first] = (log[first] as number) ^ 1;
    const { status, stdout } = await verify('--endorsements', await box.file('other-ccel.bin', log));
    assert.equal(status, 10, stdout);
    assert.match(stdout, /✗ quote\/event-log: RTMR\d is [0-9a-f]{96}, the log replays to/);
  });

  test('verifies with a bundle of its loose collateral', async () => {
    const { file, verifyAt, collateral } = entry();
    const bundle = join(box.path, 'collateral.cbor');
    const loose = collateral.map((one) => vectorPath(`../tdx/${one.file}`));
    const made = await enarx('evidence', 'bundle', '--out', bundle, ...loose);
    assert.equal(made.status, 0, made.stderr);
    const evidence = vectorPath(`../tdx/${file}`);
    const options = ['--no-policy', '--evidence', evidence, '--at', verifyAt, '--endorsements', bundle];
    const { status, stdout } = await enarx('evidence', 'verify', ...options);
    assert.equal(status, 0, stdout);
  });
});

suite('a simulated platform of Intel’s', () => {
  test('has quotes of both kinds accepted by the policy that is made of them, and no other', async () => {
    const platform = await createSimulatedIntelPlatform();
    const anchor = await box.file('intel-anchor.pem', platform.anchorPem);
    const collateral = await Promise.all(
      platform.collateral.map((file, index) => box.file(`intel-${String(index)}`, file)),
    );
    const measurement = (value: number, bytes: number): Uint8Array => new Uint8Array(bytes).fill(value);
    for (const [kind, good, bad] of [
      [
        'sgx',
        platform.enclave({ mrEnclave: measurement(1, 32) }),
        platform.enclave({ mrEnclave: measurement(2, 32) }),
      ],
      [
        'tdx',
        platform.trustDomain({ mrTd: measurement(1, 48) }, 5),
        platform.trustDomain({ mrTd: measurement(2, 48) }, 5),
      ],
    ] as const) {
      const common = ['--anchor', anchor, '--at', at, ...given(collateral)];
      const [evidence, other] = await Promise.all(
        [good, bad].map(async (tee, index) =>
          box.file(`${kind}-${String(index)}.quote`, await tee.quote(new Uint8Array(64))),
        ),
      );
      const made = await enarx('policy', 'init', '--evidence', evidence as string, ...common);
      assert.equal(made.status, 0, made.stderr);
      const policy = await box.file(`${kind}.toml`, made.stdout);
      const verify = (file: string | undefined): ReturnType<typeof enarx> =>
        enarx('evidence', 'verify', '--policy', policy, '--evidence', file as string, ...common);
      const accepted = await verify(evidence);
      assert.equal(accepted.status, 0, accepted.stdout);
      assert.match(accepted.stdout, new RegExp(`SIMULATED accepted: ${kind} evidence`));
      const rejected = await verify(other);
      assert.equal(rejected.status, 10);
      assert.match(rejected.stdout, new RegExp(`✗ policy/${kind}-${kind === 'sgx' ? 'mrenclave' : 'mrtd'}`));
    }
  });
});

suite('evidence wrap', () => {
  test('puts evidence and what endorses it into one file, which verifies by itself', async () => {
    const platform = await createSimulatedIntelPlatform();
    const anchor = await box.file('wrap-anchor.pem', platform.anchorPem);
    const collateral = await Promise.all(
      platform.collateral.map((file, index) => box.file(`wrap-${String(index)}`, file)),
    );
    const quote = await box.file('wrap.quote', await platform.enclave().quote(new Uint8Array(64)));
    for (const form of ['cbor', 'json']) {
      const out = join(box.path, `wrapped.${form}`);
      const options = ['--out', out, '--form', form, ...given(collateral)];
      const made = await enarx('evidence', 'wrap', ...options, quote, '--json');
      assert.equal(made.status, 0, made.stderr);
      assert.equal((JSON.parse(made.stdout) as { messages: number }).messages, 8);
      const verify = ['--no-policy', '--evidence', out, '--anchor', anchor, '--at', at];
      const { status, stdout } = await enarx('evidence', 'verify', ...verify);
      assert.equal(status, 0, stdout);
    }
    const alone = join(box.path, 'alone.cbor');
    const type = 'application/eat+cwt; eat_profile="urn:example"';
    assert.equal((await enarx('evidence', 'wrap', '--out', alone, '--type', type, quote)).status, 0);
    const { value, ...record } = readCmw(new Uint8Array(readFileSync(alone))) as CmwRecord;
    assert.deepEqual(record, { kind: 'record', type, indicator: 4 });
    assert.deepEqual(Buffer.from(value), readFileSync(quote));
  });

  test('writes over no file, and wants a media type and a number of messages that readers take', async () => {
    const file = await box.file('some.evidence', Uint8Array.of(1));
    const out = join(box.path, 'refused.cbor');
    for (const args of [
      ['--type', 'quote'],
      ['--type', 'a/b\nc/d'],
      given(Array.from({ length: 64 }, () => file)),
    ]) {
      const refused = await enarx('evidence', 'wrap', '--out', out, ...args, file, '--json');
      assert.equal(errorCode(refused), 'cli/usage');
      assert.equal(refused.status, 64);
    }
    const there = await enarx('evidence', 'wrap', '--out', file, file, '--json');
    assert.equal(errorCode(there), 'cli/file-unwritable');
  });
});
