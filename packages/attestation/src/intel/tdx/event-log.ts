// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import { sha384 } from '../../digest.ts';
import { intelProblem } from '../problems.ts';

/** One measurement: bytes of RTMR `register` became SHA-384(old || digest). */
export interface MeasuredEvent {
  /** 0 to 3. */
  readonly register: number;
  /** TCG event type, 0x80000001 for EV_EFI_VARIABLE_DRIVER_CONFIG for example. */
  readonly type: number;
  /** SHA-384, 48 bytes. */
  readonly digest: Uint8Array;
  /** What was measured, or words on it; nothing binds them to the digest. */
  readonly data: Uint8Array;
}

/** “Spec ID Event03” in the first event (TCG PC Client Platform Firmware Profile, section 10.4.5.1). */
const signature = new TextEncoder().encode('Spec ID Event03\0');
const signatureOffset = 32;
const noAction = 3;
const sha384Algorithm = 0x0c;
const digestLength = 48;

/** Events in a log; real ones have a few hundred. */
export const mostEvents = 8192;

export function looksLikeEventLog(bytes: Uint8Array): boolean {
  return (
    bytes.length >= signatureOffset + signature.length &&
    signature.every((byte, index) => bytes[signatureOffset + index] === byte)
  );
}

/**
 * Reads the log that the firmware and the kernel’s stub of a trust domain keep (CCEL, UEFI 2.10 section 38.2.2): the
 * TCG’s crypto agile format with SHA-384 alone, where register n + 1 is RTMR n. The rest of its buffer is filled with 00 or FF.
 * @throws EnarxError `tdx/event-log-malformed`
 */
export function readEventLog(bytes: Uint8Array): readonly MeasuredEvent[] {
  if (!looksLikeEventLog(bytes)) throw malformed('no first event “Spec ID Event03”');
  const reader = new LogReader(bytes);
  readSpecification(reader);
  const events: MeasuredEvent[] = [];
  while (!reader.atEnd()) {
    if (events.length >= mostEvents) throw malformed(`more than ${String(mostEvents)} events`);
    const register = reader.u32();
    const type = reader.u32();
    const digest = reader.digest();
    const data = reader.take(reader.u32());
    // Says something to whoever reads the log and was measured nowhere.
    if (type === noAction) continue;
    if (register < 1 || register > 4) throw malformed(`an event for register ${String(register)}`);
    events.push({ register: register - 1, type, digest, data });
  }
  return events;
}

/** @returns the four registers that the events make, from zero on, 48 bytes each */
export async function replayEventLog(
  events: readonly MeasuredEvent[],
): Promise<[Uint8Array, Uint8Array, Uint8Array, Uint8Array]> {
  const registers = [0, 1, 2, 3].map(() => new Uint8Array(digestLength)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  for (const { register, digest } of events)
    registers[register] = await sha384(concatBytes(registers[register] as Uint8Array, digest));
  return registers;
}

class LogReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** An event’s register is never all zeros or ones: there the unused rest of the buffer begins. */
  atEnd(): boolean {
    if (this.#at === this.#bytes.length) return true;
    const [filler] = this.#bytes.subarray(this.#at);
    return (
      (filler === 0 || filler === 0xff) && this.#bytes.subarray(this.#at).every((byte) => byte === filler)
    );
  }

  take(length: number): Uint8Array {
    const left = this.#bytes.length - this.#at;
    if (length > left) throw malformed(`an event that is cut off at ${String(this.#bytes.length)}`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  u32(): number {
    this.take(4);
    return this.#view.getUint32(this.#at - 4, true);
  }

  u16(): number {
    this.take(2);
    return this.#view.getUint16(this.#at - 2, true);
  }

  /** TPML_DIGEST_VALUES with one digest. */
  digest(): Uint8Array {
    const count = this.u32();
    const algorithm = this.u16();
    if (count !== 1 || algorithm !== sha384Algorithm)
      throw malformed(
        `${String(count)} digests, the first of algorithm ${String(algorithm)}, not one SHA-384`,
      );
    return this.take(digestLength);
  }
}

/** The first event has the old format: register, type, SHA-1, length, and says that digests are SHA-384. */
function readSpecification(reader: LogReader): void {
  reader.take(4);
  const type = reader.u32();
  reader.take(20);
  const specification = reader.take(reader.u32());
  const view = new DataView(specification.buffer, specification.byteOffset, specification.length);
  const [algorithms, first, size] =
    specification.length >= 32
      ? [view.getUint32(24, true), view.getUint16(28, true), view.getUint16(30, true)]
      : [];
  if (type !== noAction || algorithms !== 1 || first !== sha384Algorithm || size !== digestLength)
    throw malformed('a log that is not of SHA-384 alone');
}

function malformed(found: string): Error {
  return intelProblem('tdx/event-log-malformed', { found });
}
