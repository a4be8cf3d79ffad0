// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { concatBytes, toHex } from '@enarx/protocol';

import { replayEventLog } from '../../src/intel/tdx/event-log.ts';
import { readGuestEvents } from '../../src/intel/tdx/guest-events.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { assertOnly, checkOf, failures } from '../support/verifying.ts';
import { at, fakePlatform, verifyFake } from './fake-intel.ts';

// The form is that of dstack’s guest agents; the logs that dstack publishes beside quotes of its own replay with it, too.

const { platform, anchor } = await fakePlatform();
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const runtime = 0x0800_0001;
const sha384 = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-384', bytes));

const boot = { imr: 0, event_type: 0x8000_000b, digest: 'ab'.repeat(48), event: '', event_payload: '' };
const started = { imr: 3, event_type: runtime, digest: '', event: 'app-id', event_payload: 'deadbeef' };
const startedDigest = await sha384(
  concatBytes(Uint8Array.of(1, 0, 0, 8), utf8(':app-id:'), Uint8Array.of(0xde, 0xad, 0xbe, 0xef)),
);
const second = { ...started, version: 2, event: 'ready "now"', event_payload: '' };
const secondDigest = await sha384(utf8('{"name":"ready \\"now\\"","payload":"","type":134217729}'));
const log = [boot, started, second];
const extended = async (...digests: readonly Uint8Array[]): Promise<Uint8Array> => {
  let register = new Uint8Array(48);
  for (const digest of digests) register = new Uint8Array(await sha384(concatBytes(register, digest)));
  return register;
};
const bootDigest = new Uint8Array(48).fill(0xab);
const zero = new Uint8Array(48);
const rtmrs = [
  await extended(bootDigest),
  zero,
  zero,
  await extended(startedDigest, secondDigest),
] as const satisfies readonly Uint8Array[];
const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value));
const quote = (registers: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array] = rtmrs) =>
  platform.trustDomain({ rtmrs: registers }).quote(new Uint8Array(64));
const verify = async (evidence: Uint8Array, ...more: readonly Uint8Array[]) =>
  verifyEvidence({ evidence, endorsements: [...platform.collateral, ...more], anchors: [anchor], at });

describe('the events of a guest’s agent', () => {
  test('replay to the registers that they are of, digests of runtime events computed of name and payload', async () => {
    const events = await readGuestEvents(JSON.stringify(log));
    assert.deepEqual(
      events.map(({ digest }) => toHex(digest)),
      ['ab'.repeat(48), toHex(startedDigest), toHex(secondDigest)],
    );
    assert.deepEqual((await replayEventLog(events)).map(toHex), rtmrs.map(toHex));
    const result = await verify(await quote(), json(log));
    assert.deepEqual(failures(result), []);
    assert.equal(checkOf(result, 'quote/event-log').detail, '3 events make RTMR0, RTMR3');
  });

  test('come beside the quote in JSON, in hex, with empty ones as good as none', async () => {
    const hex = toHex(await quote());
    const verifyJson = async (members: Readonly<Record<string, unknown>>) =>
      verify(json({ quote: hex, ...members }));
    const with_ = await verifyJson({ event_log: JSON.stringify(log), report_data: '00', vm_config: '{}' });
    assert.equal(checkOf(with_, 'quote/event-log').status, 'pass');
    assert.deepEqual(failures(with_), []);
    for (const event_log of ['', ' \n', '[]', ' [ ]\n', undefined, 7]) {
      const without = await verifyJson({ event_log });
      assert.equal(checkOf(without, 'quote/event-log').status, 'not-applicable');
      assert.deepEqual(failures(without), []);
    }
  });

  test('that make another register are refused, and so are none', async () => {
    await assertOnly(
      'quote/event-log',
      /^RTMR3 is [0-9a-f]{96}, the log replays to/,
      verify(await quote(), json([boot, started])),
    );
    await assertOnly('quote/event-log', /the log has no events/, verify(await quote(), json([])));
    await assertOnly(
      'quote/event-log',
      /enclaves of SGX have none/,
      verifyFake({ tee: 'sgx', collateral: (files) => [...files, json(log)] }),
    );
  });

  test('that are not well-formed are refused', async () => {
    for (const [events, reason] of [
      ['[', /a list that is no JSON/],
      ['{}', /no list of at most 8192 events/],
      [JSON.stringify(Array.from({ length: 8193 }, () => boot)), /no list of at most 8192 events/],
      ['[null]', /register undefined/],
      [JSON.stringify([{ ...boot, imr: 4 }]), /register 4/],
      [JSON.stringify([{ ...boot, event_type: -1 }]), /without its type/],
      [JSON.stringify([{ ...boot, event_type: 1.5 }]), /without its type/],
      [JSON.stringify([{ ...boot, event_type: 2 ** 32 }]), /without its type/],
      [JSON.stringify([{ ...boot, event_type: '1' }]), /without its type/],
      [JSON.stringify([{ ...boot, digest: 7 }]), /digest is not hexadecimal/],
      [JSON.stringify([{ ...boot, event_payload: 'x' }]), /event_payload is not hexadecimal/],
      [JSON.stringify([{ ...boot, digest: 'ab' }]), /not SHA-384/],
      [JSON.stringify([{ ...boot, digest: undefined }]), /not SHA-384/],
      [JSON.stringify([{ ...started, digest: 'ab'.repeat(48) }]), /not of its name and payload/],
      [JSON.stringify([{ ...started, event: undefined }]), /without a name/],
      [JSON.stringify([{ ...started, version: 3 }]), /another version than 1 and 2/],
    ] as const)
      await assert.rejects(readGuestEvents(events), { code: 'tdx/event-log-malformed', message: reason });
    const [event] = await readGuestEvents(JSON.stringify([{ ...started, digest: toHex(startedDigest) }]));
    assert.deepEqual(event?.digest, startedDigest);
    await assertOnly('quote/event-log', /register 4/, verify(await quote(), json([{ ...boot, imr: 4 }])));
  });
});
