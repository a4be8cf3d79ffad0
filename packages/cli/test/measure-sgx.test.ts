// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { after, before, suite, test } from 'node:test';

import { Directory, enarx, errorCode, vectorPath, withoutVectors } from './support/command.ts';

let box: Directory;
before(async () => {
  box = await Directory.make();
});
after(async () => {
  await box[Symbol.asyncDispose]();
});

/** ECREATE of 64 KiB and one EADD of a page that is not measured. */
function loadLog(flags = 0x203n): Buffer {
  const log = Buffer.alloc(128);
  log.write('ECREATE');
  log.writeUInt32LE(1, 8);
  log.writeBigUInt64LE(0x10000n, 12);
  log.write('EADD', 64);
  log.writeBigUInt64LE(0x1000n, 72);
  log.writeBigUInt64LE(flags, 80);
  return log;
}

/** A SIGSTRUCT as the SDKs make one (Intel SDM volume 3D, table 34-19), by a key of its own. */
function sigstruct(mrEnclave: Buffer, attributesMask = 'fdffffffffffffff1bffffffffffffff'): Buffer {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072, publicExponent: 3 });
  const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n as string, 'base64url');
  const bytes = Buffer.alloc(1808);
  bytes.write('06000000e10000000000010000000000', 0, 'hex');
  bytes.write('25112620', 20, 'hex');
  bytes.write('01010000600000006000000001000000', 24, 'hex');
  bytes.set(modulus.toReversed(), 128);
  bytes.writeUInt32LE(3, 512);
  bytes.writeUInt32LE(0xffff_ffff, 904);
  bytes.write('04000000000000000300000000000000', 928, 'hex');
  bytes.write(attributesMask, 944, 'hex');
  bytes.set(mrEnclave, 960);
  bytes.writeUInt16LE(7, 1024);
  bytes.writeUInt16LE(2, 1026);
  const signature = sign(
    'sha256',
    Buffer.concat([bytes.subarray(0, 128), bytes.subarray(900, 1028)]),
    privateKey,
  );
  const [n, s] = [modulus, signature].map((number) => BigInt(`0x${number.toString('hex')}`)) as [
    bigint,
    bigint,
  ];
  const q1 = (s * s) / n;
  const q2 = (s * s * s - q1 * s * n) / n;
  const numbers = [q1, q2].map((number) => Buffer.from(number.toString(16).padStart(768, '0'), 'hex'));
  for (const [index, number] of [signature, ...numbers].entries())
    bytes.set(number.toReversed(), [516, 1040, 1424][index]);
  return bytes;
}

const measured = (log: Buffer): Buffer => createHash('sha256').update(log).digest();

suite('measure sgx', () => {
  test('computes MRENCLAVE of a load log', { skip: withoutVectors }, async () => {
    const log = vectorPath('../sgx/synthetic/measurement-code-data-tcs.sgxs');
    const { status, stdout } = await enarx('measure', 'sgx', '--load-log', log);
    assert.equal(status, 0);
    assert.equal(stdout, 'f1af02e2c7a1d4e8cca50be4eabd6bb5269c02ec7ec6492c4cd30158b4b306a1\n');
  });

  test('verifies a SIGSTRUCT and says what its signer says', { skip: withoutVectors }, async () => {
    const file = vectorPath('../sgx/fortanix+rust-sgx/intel-sgx/sgxs-tools/tests/data/sig1.sigstruct.bin');
    const { status, stdout } = await enarx('measure', 'sgx', '--sigstruct', file, '--json');
    assert.equal(status, 0);
    assert.deepEqual(JSON.parse(stdout), {
      measurement: 'c50673624a6cb17c1c6c2a4e6906f47a170c4629b8723781d1017ef376f1a75d',
      mrsigner: '83d719e77deaca1470f6baf62a4d774303c899db69020f9c70ee1dfc08c7ce9e',
      'isv-prod-id': '0',
      'isv-svn': '0',
      'family-id': '0'.repeat(32),
      attributes: '04000000000000000300000000000000',
      'attributes-mask': 'fdffffffffffffff1bffffffffffffff',
      debug: 'up to whoever starts it',
      date: '20160109',
    });
    const flipped = vectorPath('../sgx/mutations/sigstruct-enclavehash-flipped.bin');
    const refused = await enarx('measure', 'sgx', '--sigstruct', flipped, '--json');
    assert.equal(refused.status, 10);
    assert.equal(errorCode(refused), 'sgx/sigstruct-rejected');
  });

  test('holds the two against each other', async () => {
    const log = await box.file('enclave.sgxs', loadLog());
    const signed = await box.file('enclave.sig', sigstruct(measured(loadLog()), 'ff'.repeat(16)));
    const both = await enarx('measure', 'sgx', '--load-log', log, '--sigstruct', signed);
    assert.equal(both.status, 0, both.stderr);
    assert.match(both.stdout, new RegExp(`measurement +${measured(loadLog()).toString('hex')}`));
    assert.match(both.stdout, /isv-prod-id +7/);
    assert.match(both.stdout, /debug +off/);
    const other = await box.file('other.sgxs', loadLog(0x205n));
    const refused = await enarx('measure', 'sgx', '--load-log', other, '--sigstruct', signed, '--json');
    assert.equal(refused.status, 10);
    assert.equal(errorCode(refused), 'cli/enclave-mismatch');
  });

  test('wants one of them, in its own form', async () => {
    const nothing = await enarx('measure', 'sgx', '--json');
    assert.equal(nothing.status, 64);
    assert.equal(errorCode(nothing), 'cli/usage');
    const text = await box.file('text', Buffer.from('neither'));
    for (const [flag, code] of [
      ['--load-log', 'sgx/load-log-malformed'],
      ['--sigstruct', 'sgx/sigstruct-malformed'],
    ] as const) {
      const refused = await enarx('measure', 'sgx', flag, text, '--json');
      assert.equal(refused.status, 30);
      assert.equal(errorCode(refused), code);
    }
  });
});
