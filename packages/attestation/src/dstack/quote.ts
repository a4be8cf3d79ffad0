// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { ScaleReader } from './scale.ts';

/** Version 0, then which kind of quote. */
const heads = { tdx: [0x00, 0x00], nitro: [0x00, 0x02] } as const;

const runtimeRegister = 3;

/** Then a length that the codec spells in two octets, as it does from 64 to 16383: no quote or document is outside. */
const beginsAs = (bytes: Uint8Array, kind: keyof typeof heads): boolean =>
  heads[kind].every((byte, index) => bytes[index] === byte) && ((bytes[2] ?? 0) & 3) === 1;

/** What the evidence proper is, in dstack’s wrapper of it. */
export interface DstackQuote {
  readonly quote: Uint8Array;
  /** What the guest measured into RTMR3, in the JSON in which dstack’s agents hand it out, which `readGuestEvents` reads. */
  readonly eventLog: Uint8Array;
}

/**
 * Quote and event log in dstack’s `VersionedAttestation` of a TDX guest (dstack-attest/src/attestation.rs): quote, events of the guest,
 * events of the run, report data, configuration. Its log of RTMR3 is whole and is held against the quote later. Of the other registers
 * it keeps some events only, which replay to nothing; they are walked over like report data and configuration, and nobody reads them.
 * @returns `undefined` for bytes that do not begin so
 * @throws EnarxError `evidence/malformed`
 */
export function readDstackTdx(bytes: Uint8Array): DstackQuote | undefined {
  if (!beginsAs(bytes, 'tdx')) return undefined;
  const reader = new ScaleReader(bytes, heads.tdx.length);
  const quote = reader.sized();
  const events: unknown[] = [];
  for (let left = reader.compact(); left > 0; left -= 1) {
    const [imr, type] = [reader.u32(), reader.u32()];
    const [digest, event, payload] = [reader.sized(), reader.sized(), reader.sized()];
    if (imr === runtimeRegister)
      events.push({
        imr,
        event_type: type,
        digest: toHex(digest),
        event: new TextDecoder().decode(event),
        event_payload: toHex(payload),
      });
  }
  skipRest(reader);
  return { quote, eventLog: new TextEncoder().encode(JSON.stringify(events)) };
}

/**
 * The document in dstack’s attestation of a Nitro Enclave.
 * @returns `undefined` for bytes that do not begin so
 * @throws EnarxError `evidence/malformed`
 */
export function readDstackNitro(bytes: Uint8Array): Uint8Array | undefined {
  if (!beginsAs(bytes, 'nitro')) return undefined;
  const reader = new ScaleReader(bytes, heads.nitro.length);
  const document = reader.sized();
  skipRest(reader);
  return document;
}

function skipRest(reader: ScaleReader): void {
  reader.skipRunEvents();
  reader.take(64);
  reader.sized();
  reader.end();
}
