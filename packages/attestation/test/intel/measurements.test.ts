// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { concatBytes, toHex } from '@enarx/protocol';

import { vendorAnchors } from '../../src/anchors.ts';
import { mrEnclaveOf, readLoadLog } from '../../src/intel/sgx/load-log.ts';
import { verifySigstruct } from '../../src/intel/sgx/sigstruct.ts';
import { readEventLog, replayEventLog } from '../../src/intel/tdx/event-log.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { assertOnly, checkOf, failures } from '../support/verifying.ts';
import { tdxClaims, verifyFake, type IntelVerification } from './fake-intel.ts';
import { collateralOf, intelFile, intelVectors, withoutVectors } from './vectors.ts';

const log = readFileSync(join(import.meta.dirname, 'fixtures', 'cos-113-ccel.bin'));
const altered = (bytes: Uint8Array, at: number, ...values: number[]): Uint8Array => {
  const copy = new Uint8Array(bytes);
  copy.set(values, at);
  return copy;
};

describe('the event log of a trust domain', () => {
  const domain = intelVectors.find(
    ({ file, class: sort }) => file.endsWith('cos-113-tdx-quote.dat') && sort === undefined,
  );

  test('of a genuine one replays to the RTMRs of its quote', { skip: withoutVectors }, async () => {
    assert.ok(domain);
    const result = (await verifyEvidence({
      evidence: intelFile('tdx', domain.file),
      endorsements: [log, ...collateralOf(domain)],
      anchors: vendorAnchors,
      at: Date.parse(domain.verifyAt as string),
    })) as IntelVerification;
    assert.deepEqual(failures(result), []);
    assert.match(checkOf(result, 'quote/event-log').detail, /^\d+ events make RTMR0, RTMR1, RTMR2, RTMR3$/);
    const registers = await replayEventLog(readEventLog(log));
    assert.deepEqual(registers.map(toHex), domain.expected?.['rtmr']);
    assert.deepEqual(registers.map(toHex), tdxClaims(result).report.rtmrs.map(toHex));
  });

  test('with one event altered is refused, and the register is named', { skip: withoutVectors }, async () => {
    assert.ok(domain);
    const [first] = readEventLog(log);
    const at = log.indexOf(Buffer.from(first?.digest as Uint8Array));
    const verify = verifyEvidence({
      evidence: intelFile('tdx', domain.file),
      endorsements: [altered(log, at, 0), ...collateralOf(domain)],
      anchors: vendorAnchors,
      at: Date.parse(domain.verifyAt as string),
    });
    await assertOnly('quote/event-log', /^RTMR\d is [0-9a-f]{96}, the log replays to/, verify);
  });

  test('is refused beside an enclave of SGX, which has none, and when it is malformed', async () => {
    await assertOnly(
      'quote/event-log',
      /enclaves of SGX have none/,
      verifyFake({ tee: 'sgx', collateral: (files) => [...files, log] }),
    );
    await assertOnly(
      'quote/event-log',
      /cut off/,
      verifyFake({ collateral: (files) => [...files, log.subarray(0, 200)] }),
    );
  });

  test('has the events that go-tdx-guest finds in it', () => {
    const events = readEventLog(log);
    assert.ok(events.length > 20);
    assert.equal(events[0]?.type, 0x8000_000b);
    assert.deepEqual(new Set(events.map(({ register }) => register)), new Set([0, 1, 2]));
  });

  test('is refused when it is of other algorithms, registers or lengths', () => {
    const header = 32 + log.readUInt32LE(28);
    assert.equal(readEventLog(log.subarray(0, header)).length, 0);
    assert.equal(readEventLog(concatBytes(log.subarray(0, header), new Uint8Array(99))).length, 0);
    for (const [bad, reason] of [
      [log.subarray(0, 40), /no first event/],
      [altered(log, 56, 2), /not of SHA-384 alone/],
      [altered(log, 60, 0x0b), /not of SHA-384 alone/],
      [altered(log, 62, 0x20), /not of SHA-384 alone/],
      [altered(log, 4, 4), /not of SHA-384 alone/],
      [altered(log, 28, 16), /not of SHA-384 alone/],
      [altered(log, 28, 0xff, 0xff, 0xff), /cut off/],
      [altered(log, header, 5), /an event for register 5/],
      [altered(log, header, 0, 1), /an event for register 256/],
      [concatBytes(log.subarray(0, header), new Uint8Array(4), Uint8Array.of(9)), /cut off/],
      [altered(log, header + 8, 2), /2 digests/],
      [altered(log, header + 12, 4), /of algorithm 4/],
    ] as const)
      assert.throws(() => readEventLog(bad), { code: 'tdx/event-log-malformed', message: reason });
  });

  test('may say things that were measured nowhere', () => {
    const [first] = readEventLog(log);
    const header = 32 + log.readUInt32LE(28);
    const [next] = readEventLog(altered(log, header + 4, 3, 0, 0, 0));
    assert.notDeepEqual(next?.digest, first?.digest);
  });

  test('of more events than any guest has is refused', () => {
    const header = 32 + log.readUInt32LE(28);
    const event = concatBytes(
      Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0x0c, 0),
      new Uint8Array(48).fill(1),
      new Uint8Array(4),
    );
    const many = (count: number): Uint8Array =>
      concatBytes(log.subarray(0, header), ...Array.from({ length: count }, () => event));
    assert.equal(readEventLog(many(8192)).length, 8192);
    assert.throws(() => readEventLog(many(8193)), { message: /more than 8192 events/ });
  });
});

describe('the load log of an enclave', () => {
  const logs = intelVectors.filter(({ kind }) => kind === 'sgx-measurement-log');
  const block = (
    name: string,
    ...numbers: readonly (readonly [bytes: number, value: number])[]
  ): Uint8Array => {
    const bytes = new Uint8Array(64);
    bytes.set(new TextEncoder().encode(name));
    const view = new DataView(bytes.buffer);
    let at = 8;
    for (const [length, value] of numbers) {
      if (length === 4) view.setUint32(at, value, true);
      else view.setBigUint64(at, BigInt(value), true);
      at += length;
    }
    return bytes;
  };
  const create = block('ECREATE', [4, 1], [8, 0x10000]);
  const add = block('EADD', [8, 0x1000], [8, 0x203]);
  const extend = (offset: number): Uint8Array =>
    concatBytes(block('EEXTEND', [8, offset]), new Uint8Array(256).fill(7));

  test('there are some', { skip: withoutVectors }, () => {
    assert.equal(logs.length, 2);
  });

  for (const { tee, file, expected } of logs)
    test(`${file} gives the MRENCLAVE that is known`, async () => {
      const bytes = intelFile(tee, file);
      assert.equal(toHex(await mrEnclaveOf(bytes)), expected?.['mrenclave']);
      const pages = readLoadLog(bytes).pages.map(({ flags, measured }) => ({
        secinfoFlags: `0x${flags.toString(16)}`,
        measured: measured === 4096,
      }));
      assert.deepEqual(pages, expected?.['pages']);
    });

  test('says how the enclave is laid out', () => {
    const layout = readLoadLog(concatBytes(create, add, extend(0x1000), extend(0x1100)));
    assert.deepEqual(layout, {
      ssaFrameSize: 1,
      size: 0x10000n,
      pages: [{ offset: 0x1000n, flags: 0x203n, measured: 512 }],
    });
  });

  test('that no processor can have measured is refused', async () => {
    const page = Array.from({ length: 16 }, (_, index) => extend(0x1000 + 256 * index));
    for (const [bad, reason] of [
      [new Uint8Array(0), /cut off at 0/],
      [create.subarray(0, 63), /cut off at 0/],
      [add, /no ECREATE block at 0/],
      [altered(create, 63, 1), /no ECREATE block/],
      [block('ECREATE', [4, 1], [8, 0]), /no power of two/],
      [block('ECREATE', [4, 1], [8, 0x3000]), /no power of two/],
      [concatBytes(create, create), /no EEXTEND block at 64/],
      [concatBytes(create, altered(add, 24, 1)), /no EADD block/],
      [concatBytes(create, block('EADD', [8, 1], [8, 1])), /a page at 1/],
      [concatBytes(create, block('EADD', [8, 0x10000], [8, 1])), /a page at 65536/],
      [concatBytes(create, extend(0x1000)), /out of turn/],
      [concatBytes(create, add, extend(0x1100)), /out of turn/],
      [concatBytes(create, add, ...page, extend(0x2000)), /out of turn/],
      [concatBytes(create, add, extend(0x1000).subarray(0, 319)), /content that is cut off/],
    ] as const)
      await assert.rejects(mrEnclaveOf(bad), { code: 'sgx/load-log-malformed', message: reason });
    const endless = { length: 134_217_729, byteOffset: 0 } as unknown as Uint8Array;
    assert.throws(() => readLoadLog(endless), { code: 'sgx/load-log-malformed' });
  });
});

describe('a SIGSTRUCT', { skip: withoutVectors }, () => {
  const [genuine, flipped] = intelVectors.filter(({ kind }) => kind === 'sigstruct');
  const bytes = genuine ? intelFile('sgx', genuine.file) : Buffer.alloc(0);

  test('that was published says what is known of it', async () => {
    const { mrEnclave, mrSigner, date, attributes, attributesMask, isvProdId, isvSvn, ...rest } =
      await verifySigstruct(bytes);
    assert.deepEqual(
      {
        mrsigner: toHex(mrSigner),
        enclavehash: toHex(mrEnclave),
        attributes: toHex(attributes.raw),
        attributesMask: toHex(attributesMask),
        isvProdId,
        isvSvn,
        date: date.replace(/(....)(..)(..)/, '$1-$2-$3'),
      },
      Object.fromEntries(
        Object.entries(genuine?.expected ?? {}).filter(
          ([name]) => !['valid', 'size', 'exponent'].includes(name),
        ),
      ),
    );
    assert.equal(rest.isvFamilyId.length + rest.isvExtProdId.length, 32);
    assert.equal(rest.miscMask, 0xffff_ffff);
    assert.equal(rest.miscSelect, 0);
  });

  test('of another measurement, signature or key is refused', async () => {
    assert.ok(flipped);
    await assert.rejects(verifySigstruct(intelFile('sgx', flipped.file)), { code: 'sgx/sigstruct-rejected' });
    await assert.rejects(verifySigstruct(altered(bytes, 600, 1, 2, 3)), { code: 'sgx/sigstruct-rejected' });
    const nothing = new Uint8Array(bytes);
    nothing[300] = (nothing[300] as number) ^ 1;
    await assert.rejects(verifySigstruct(nothing), { code: 'sgx/sigstruct-rejected' });
  });

  test('that a processor would refuse for its form is malformed', async () => {
    for (const [bad, reason] of [
      [bytes.subarray(1), /1807 bytes/],
      [altered(bytes, 0, 7), /another header/],
      [altered(bytes, 24, 2), /another header/],
      [altered(bytes, 512, 5), /the exponent 5/],
      [altered(bytes, 128, 0), /a modulus/],
      [altered(bytes, 511, 0x7f), /a modulus/],
      ...[44, 127, 908, 992, 1028].map((at) => [altered(bytes, at, 1), /reserved/] as const),
      [altered(bytes, 1040, 1, 2, 3, 4), /Q1 or Q2/],
      [altered(bytes, 1424, 1, 2, 3, 4), /Q1 or Q2/],
    ] as const)
      await assert.rejects(verifySigstruct(bad), { code: 'sgx/sigstruct-malformed', message: reason });
  });
});
