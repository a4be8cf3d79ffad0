// SPDX-License-Identifier: Apache-2.0
import { readCollateral } from '../../../packages/attestation/src/intel/collateral.ts';
import { readDstackNitro, readDstackTdx } from '../../../packages/attestation/src/dstack/quote.ts';
import { parseQuote } from '../../../packages/attestation/src/intel/quote.ts';
import { readCertifiedQuote } from '../../../packages/attestation/src/intel/ra-tls.ts';
import { readLoadLog } from '../../../packages/attestation/src/intel/sgx/load-log.ts';
import { readGuestEvents } from '../../../packages/attestation/src/intel/tdx/guest-events.ts';
import { readEventLog } from '../../../packages/attestation/src/intel/tdx/event-log.ts';
import { KeyCache } from '../../../packages/attestation/src/x509/key-cache.ts';
import { createSimulatedIntelPlatform } from '../../../packages/simulator/src/intel/index.ts';
import type { FuzzTarget } from '../target.ts';

let made: ReturnType<typeof createSimulatedIntelPlatform> | undefined;
/** Not made before it is wanted: Node aborts when a thread ends in the middle of making a key, as those of other targets would. */
const platform = (): ReturnType<typeof createSimulatedIntelPlatform> =>
  (made ??= createSimulatedIntelPlatform());
const quotes = async (): Promise<Uint8Array[]> => {
  const simulated = await platform();
  return Promise.all([
    simulated.enclave().quote(new Uint8Array(64)),
    simulated.trustDomain({}, 4).quote(new Uint8Array(64)),
    simulated.trustDomain({}, 5).quote(new Uint8Array(64)),
  ]);
};

const quote: FuzzTarget = {
  name: 'intel-quote',
  run: (input) => {
    const { signed, body } = parseQuote(input);
    if (signed.length < 48 + body.length) throw new Error('a body that is not signed');
  },
  seeds: quotes,
};

const collateral: FuzzTarget = {
  name: 'intel-collateral',
  run: (input) => {
    readCollateral([input], new KeyCache());
  },
  seeds: async () => [...(await platform()).collateral],
};

const certificate: FuzzTarget = {
  name: 'intel-ra-tls',
  run: (input) => {
    readCertifiedQuote(input);
  },
  seeds: () => [Uint8Array.of(0x30, 0)],
};

const logs: FuzzTarget = {
  name: 'intel-logs',
  run: (input) => {
    if (input[0] === 0x45) readLoadLog(input);
    else readEventLog(input);
  },
  seeds: () => [new TextEncoder().encode('ECREATE\0'.padEnd(64, '\0'))],
};

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const u32 = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Open Enclave's endorsements and Intel's structure, around the simulated collateral. */
const containers = async (): Promise<Uint8Array[]> => {
  const [chain, rootList, pckList, info, , identity] = (await platform()).collateral as Uint8Array[];
  const parts = [chain, rootList, pckList, chain, info, chain, identity] as Uint8Array[];
  const fields = [
    u32(1),
    info,
    chain,
    pckList,
    rootList,
    chain,
    identity,
    chain,
    utf8('now'),
  ] as Uint8Array[];
  const offsets = fields.map((_, index) => joined(...fields.slice(0, index)).length);
  const data = joined(u32(...offsets), ...fields);
  return [
    joined(u32(1, 2, data.length, fields.length), data),
    joined(u32(4, 0), ...parts.map((part) => u32(0, 0, part.length, 0)), ...parts),
  ];
};

const containedCollateral: FuzzTarget = {
  name: 'intel-collateral-containers',
  run: (input) => {
    readCollateral([input], new KeyCache());
  },
  seeds: containers,
  longest: 24_576,
};

const guestEvents: FuzzTarget = {
  name: 'tdx-guest-events',
  run: async (input) => {
    const events = await readGuestEvents(new TextDecoder().decode(input));
    if (events.some(({ digest }) => digest.length !== 48)) throw new Error('a digest of another length');
  },
  seeds: () =>
    [
      [{ imr: 0, event_type: 4, digest: 'ab'.repeat(48), event: '', event_payload: '' }],
      [{ imr: 3, event_type: 0x0800_0001, digest: '', event: 'app-id', event_payload: 'dead', version: 2 }],
    ].map((events) => utf8(JSON.stringify(events))),
};

const dstack: FuzzTarget = {
  name: 'dstack-quote',
  run: (input) => {
    readDstackTdx(input);
    readDstackNitro(input);
  },
  seeds: () => {
    const event = joined(u32(3, 0x0800_0001), Uint8Array.of(0, 4, 65, 4, 1));
    const rest = joined(Uint8Array.of(4, 4, 65, 4, 1), new Uint8Array(64), Uint8Array.of(8, 123, 125));
    const quoted = joined(Uint8Array.of(0x91, 0x01), new Uint8Array(100));
    return [
      joined(Uint8Array.of(0, 0), quoted, Uint8Array.of(4), event, rest),
      joined(Uint8Array.of(0, 2), quoted, rest),
    ];
  },
};

export default [
  quote,
  collateral,
  certificate,
  logs,
  containedCollateral,
  guestEvents,
  dstack,
] satisfies readonly FuzzTarget[];
