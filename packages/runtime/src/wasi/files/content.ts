// SPDX-License-Identifier: Apache-2.0
import { fail } from '../errno.ts';
import type { Buffers } from '../io-vectors.ts';
import type { Quota } from './quota.ts';
import { Slabs } from './slab.ts';

/** Bytes of a file that lie together. What lies before the last byte of a chunk counts as written, so that holes cost nothing only where whole chunks are missing. */
export const chunkSize = 65_536;
/** What the quota is counted in, as a disk does. */
const blockSize = 4096;
/** Bytes of the first piece of a chunk; it doubles as it grows. */
const smallest = 64;
/** 1 TiB: positions beyond make no sense in memory, and stay far from what a number cannot hold. */
const largestFile = 0x100_0000_0000;
/** Places in an array up to which visiting each is cheaper than asking which are taken. */
const mostVisited = 4096;
const zeros = new Uint8Array(chunkSize);
const slabs = new Slabs(chunkSize);

interface Chunk {
  /** As long as what was written, up to the next power of two; beyond it lie zeros. */
  bytes: Uint8Array;
  /** Bytes that the quota was charged. Never less than half of what is held. */
  charged: number;
}

/** What is in a file: chunks, with holes where nothing was ever written. */
export class Content {
  readonly #quota: Quota;
  #chunks: (Chunk | undefined)[] = [];
  #size = 0;

  constructor(quota: Quota) {
    this.#quota = quota;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns bytes read; 0 at or beyond the end */
  read(position: number, into: Buffers): number {
    const wanted = Math.min(into.remaining, this.#size - position);
    let done = 0;
    while (done < wanted) {
      const at = position + done;
      const offset = at % chunkSize;
      const step = Math.min(chunkSize - offset, wanted - done);
      const chunk = this.#chunks[(at - offset) / chunkSize];
      const held = chunk === undefined ? 0 : Math.min(Math.max(chunk.bytes.length - offset, 0), step);
      if (chunk !== undefined && held > 0) into.scatter(chunk.bytes, offset, held);
      if (held < step) into.scatter(zeros, 0, step - held);
      done += step;
    }
    return Math.max(done, 0);
  }

  /** Ends the call with `nospc` when not one byte fits the quota, with `fbig` beyond 1 TiB. @returns bytes written, fewer when the quota ends in between */
  write(position: number, from: Buffers): number {
    const wanted = from.remaining;
    if (wanted === 0) return 0;
    if (position + wanted > largestFile) fail('fbig');
    let done = 0;
    while (done < wanted) {
      const at = position + done;
      const offset = at % chunkSize;
      const index = (at - offset) / chunkSize;
      const fits = this.#ensure(index, offset, Math.min(chunkSize - offset, wanted - done));
      if (fits <= 0) break;
      const chunk = this.#chunks[index] as Chunk;
      from.gather(chunk.bytes, offset, fits);
      done += fits;
      if (position + done > this.#size) this.#size = position + done;
    }
    return done === 0 ? fail('nospc') : done;
  }

  /** Takes over bytes that are nobody else's, as the next whole chunk: how the package's files come in. */
  append(bytes: Uint8Array): void {
    this.#quota.take(charge(bytes.length));
    this.#chunks.push({ bytes, charged: charge(bytes.length) });
    this.#size += bytes.length;
  }

  /** Cuts off, or grows by a hole that costs nothing before it is written to. */
  resize(size: number): void {
    if (size > largestFile) fail('fbig');
    if (size < this.#size) this.#cut(size);
    this.#size = size;
  }

  /** Makes sure that writing into this range will not end with `nospc`. */
  allocate(offset: number, length: number): void {
    const end = offset + length;
    if (end > largestFile) fail('fbig');
    // What is there already need not be paid again, but to count it would mean to walk a range that costs nothing to name.
    if (length > this.#quota.left + this.#size) fail('nospc');
    const before = this.#size;
    for (let at = offset; at < end; at += chunkSize - (at % chunkSize)) {
      const within = at % chunkSize;
      const wanted = Math.min(chunkSize - within, end - at);
      if (this.#ensure((at - within) / chunkSize, within, wanted) === wanted) continue;
      if (end > before) this.#cut(before);
      fail('nospc');
    }
    this.#size = Math.max(before, end);
  }

  release(): void {
    this.#cut(0);
    this.#size = 0;
  }

  /** Makes room in a chunk for `wanted` bytes from `offset` on. @returns how many of them fit the quota */
  #ensure(index: number, offset: number, wanted: number): number {
    const chunk = this.#chunks[index];
    const end = offset + wanted;
    if (chunk !== undefined && end <= chunk.bytes.length && end <= chunk.charged) return wanted;
    const charged = chunk?.charged ?? 0;
    const granted = Math.min(charge(end), charged + this.#quota.left - (this.#quota.left % blockSize));
    const reached = Math.min(end, Math.max(granted, charged));
    if (reached <= offset) return 0;
    if (granted > charged) this.#quota.take(granted - charged);
    this.#hold(index, reached, Math.max(granted, charged));
    return reached - offset;
  }

  #hold(index: number, reached: number, charged: number): void {
    const chunk = this.#chunks[index];
    if (chunk === undefined) {
      // After a chunk that is full another full one is likely; otherwise it may be one of many small files.
      const follows = index > 0 && this.#chunks[index - 1]?.bytes.length === chunkSize;
      this.#chunks[index] = { bytes: arrayOf(follows ? chunkSize : capacity(reached)), charged };
      return;
    }
    chunk.charged = charged;
    if (reached <= chunk.bytes.length) return;
    const grown = arrayOf(capacity(reached));
    grown.set(chunk.bytes);
    chunk.bytes = grown;
  }

  /** Where chunks may be. A file may have a handful of them a million holes apart, and engines visit each hole in a loop over an array. */
  #indices(): Iterable<number> {
    return this.#chunks.length <= mostVisited
      ? this.#chunks.keys()
      : Object.keys(this.#chunks).map((index) => Number(index));
  }

  #cut(size: number): void {
    const kept = Math.ceil(size / chunkSize);
    for (const index of this.#indices()) {
      const chunk = this.#chunks[index];
      if (index < kept || chunk === undefined) continue;
      this.#quota.give(chunk.charged);
      if (chunk.bytes.length === chunkSize) slabs.giveBack(chunk.bytes);
    }
    this.#chunks.length = Math.min(this.#chunks.length, kept);
    const offset = size % chunkSize;
    const last = offset === 0 ? undefined : this.#chunks[kept - 1];
    if (last === undefined) return;
    last.bytes.fill(0, Math.min(offset, last.bytes.length));
    const needed = Math.min(charge(offset), last.charged);
    this.#quota.give(last.charged - needed);
    last.charged = needed;
    if (last.bytes.length <= 2 * capacity(needed)) return;
    const shrunk = last.bytes.slice(0, capacity(needed));
    if (last.bytes.length === chunkSize) slabs.giveBack(last.bytes);
    last.bytes = shrunk;
  }
}

/** What so many bytes of one chunk cost: whole blocks. */
export function charge(bytes: number): number {
  return Math.ceil(bytes / blockSize) * blockSize;
}

function arrayOf(size: number): Uint8Array {
  return size === chunkSize ? slabs.take() : new Uint8Array(size);
}

function capacity(bytes: number): number {
  let size = smallest;
  while (size < bytes) size *= 2;
  return size;
}
