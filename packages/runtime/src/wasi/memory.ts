// SPDX-License-Identifier: Apache-2.0
import type { LinearMemory } from '../runner/engine.ts';
import { fail } from './errno.ts';

/**
 * The program's linear memory as the host sees it. Every access is checked first, so that a bad pointer is `fault` for the program and
 * not an exception in the host. Views are made anew when the memory has grown, which it may do in any call that suspends.
 */
export class GuestMemory {
  #memory: LinearMemory | undefined;
  #bytes = new Uint8Array(0);
  #view = new DataView(new ArrayBuffer(0));

  attach(memory: LinearMemory): void {
    this.#memory = memory;
  }

  /** All of it. Valid until the program runs again. */
  get bytes(): Uint8Array {
    this.#refresh();
    return this.#bytes;
  }

  /** Ends the call with `fault` unless the program owns all of this range. Wasm passes pointers as signed numbers. */
  check(pointer: number, length: number): void {
    this.#refresh();
    if ((pointer >>> 0) + length > this.#bytes.length) fail('fault');
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

  setBytes(pointer: number, value: Uint8Array): void {
    this.check(pointer, value.length);
    this.#bytes.set(value, pointer >>> 0);
  }

  #at(pointer: number, length: number): DataView {
    this.check(pointer, length);
    return this.#view;
  }

  #refresh(): void {
    const buffer = this.#memory?.buffer;
    if (buffer === undefined || buffer === this.#bytes.buffer) return;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }
}
