// SPDX-License-Identifier: Apache-2.0
import type { LinearMemory } from '../runner/engine.ts';
import { fail } from './errno.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Up to so many bytes of plain ASCII a loop is faster than the decoder. */
const loopSize = 64;

/**
 * The program's linear memory as the host sees it. Every access is checked first, so that a bad pointer is `fault` for the program and
 * not an exception in the host.
 *
 * The views are cached, since asking the memory for its buffer costs more than a small call. A memory that has grown gives its old buffer up, whose views
 * then have length zero; a shared one keeps it, and the old views are only too short. In both cases an access beyond them looks for new ones first.
 */
export class GuestMemory {
  #memory: LinearMemory | undefined;
  #bytes = new Uint8Array(0);
  #view = new DataView(new ArrayBuffer(0));

  attach(memory: LinearMemory): void {
    this.#memory = memory;
    this.#refresh();
  }

  /** All that was checked before. Valid until the program runs again. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Ends the call with `fault` unless the program owns all of this range. Wasm passes pointers as signed numbers. */
  check(pointer: number, length: number): void {
    const end = (pointer >>> 0) + length;
    if (end <= this.#bytes.length) return;
    this.#refresh();
    if (end > this.#bytes.length) fail('fault');
  }

  getU8(pointer: number): number {
    return this.#at(pointer, 1).getUint8(pointer >>> 0);
  }

  getU16(pointer: number): number {
    return this.#at(pointer, 2).getUint16(pointer >>> 0, true);
  }

  getU32(pointer: number): number {
    return this.#at(pointer, 4).getUint32(pointer >>> 0, true);
  }

  getU64(pointer: number): bigint {
    return this.#at(pointer, 8).getBigUint64(pointer >>> 0, true);
  }

  setU8(pointer: number, value: number): void {
    this.#at(pointer, 1).setUint8(pointer >>> 0, value);
  }

  setU16(pointer: number, value: number): void {
    this.#at(pointer, 2).setUint16(pointer >>> 0, value, true);
  }

  setU32(pointer: number, value: number): void {
    this.#at(pointer, 4).setUint32(pointer >>> 0, value, true);
  }

  setU64(pointer: number, value: bigint): void {
    this.#at(pointer, 8).setBigUint64(pointer >>> 0, value, true);
  }

  /** A 64-bit word from a number below 2^53, without the detour over a bigint. */
  setSize(pointer: number, value: number): void {
    const view = this.#at(pointer, 8);
    const at = pointer >>> 0;
    view.setUint32(at, value >>> 0, true);
    view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  }

  setBytes(pointer: number, value: Uint8Array): void {
    this.check(pointer, value.length);
    if (value.length > 0) this.#bytes.set(value, pointer >>> 0);
  }

  clear(pointer: number, length: number): void {
    this.check(pointer, length);
    this.#bytes.fill(0, pointer >>> 0, (pointer >>> 0) + length);
  }

  /** Ends the call with `ilseq` for bytes that are no UTF-8, with `inval` for a NUL among them. */
  text(pointer: number, length: number): string {
    const start = pointer >>> 0;
    const size = length >>> 0;
    this.check(start, size);
    let text = '';
    const bytes = this.#bytes;
    let i = 0;
    for (; i < size && i < loopSize; i += 1) {
      const byte = bytes[start + i] as number;
      if (byte === 0) fail('inval');
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (i === size) return text;
    return this.#decode(start, size);
  }

  #decode(start: number, size: number): string {
    let text: string;
    try {
      // A copy, since the decoder refuses shared memory.
      text = decoder.decode(new Uint8Array(this.#bytes.subarray(start, start + size)));
    } catch {
      return fail('ilseq');
    }
    return text.includes('\0') ? fail('inval') : text;
  }

  #at(pointer: number, length: number): DataView {
    this.check(pointer, length);
    return this.#view;
  }

  #refresh(): void {
    const buffer = this.#memory?.buffer;
    if (buffer === undefined) return;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }
}
