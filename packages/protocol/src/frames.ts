// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from './bytes.ts';
import { protocolProblem } from './problems.ts';

/** Largest payload of one frame in bytes. Longer data is sent as several frames. */
export const maxFramePayload = 65_536;

/**
 * Payload of a frame that, with its head, fills one TLS record of 2^14 bytes (RFC 8446 section 5.1). Whoever sends in bulk cuts to this
 * size: such a frame comes whole in one record, and is neither put together nor copied where it is read.
 */
export const recordFramePayload = 16_384 - 5;

/** One item of a stream: the CBOR array `[kind, payload]`. CBOR delimits itself, so nothing stands around it. */
export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/**
 * The bytes that stand before a payload: array(2), kind, byte string head in its shortest form.
 * The payload itself follows unchanged, so bulk data is never copied to be framed.
 *
 * @param kind - 0 to 23
 * @param length - payload length in bytes, at most {@link maxFramePayload}
 */
export function encodeFrameHead(kind: number, length: number): Uint8Array<ArrayBuffer> {
  if (length < 24) return Uint8Array.of(0x82, kind, 0x40 | length);
  if (length < 0x100) return Uint8Array.of(0x82, kind, 0x58, length);
  if (length < 0x10000) return Uint8Array.of(0x82, kind, 0x59, length >> 8, length & 0xff);
  return Uint8Array.of(
    0x82,
    kind,
    0x5a,
    (length >>> 24) & 0xff,
    (length >>> 16) & 0xff,
    (length >>> 8) & 0xff,
    length & 0xff,
  );
}

const empty = new Uint8Array(0);

/** What stands before a payload. */
export interface FrameHead {
  readonly kind: number;
  /** Lengths in bytes: of the head, and of the payload that follows it. */
  readonly length: number;
  readonly payload: number;
}

/** Bytes: array head, kind, byte string head with a length of four octets. */
export const longestHead = 7;

/**
 * Cuts a byte stream into frames. Holds at most one incomplete frame (64 KiB and a head), whatever arrives, and copies
 * each byte at most once, in however small pieces it comes. A payload that lies whole in one chunk is a view of that chunk.
 */
export class FrameReader {
  /** Beginning of a head that is not complete yet. */
  #head: Uint8Array = empty;
  /** The frame whose head is complete and whose payload is not. */
  #open: { kind: number; payload: Uint8Array; filled: number } | undefined;
  readonly #allocate: (length: number) => Uint8Array;
  readonly #longest: number;

  /**
   * @param allocate - makes room for a payload that comes in pieces, which fill all of it; it need not be zeroed
   * @param longest - bytes that a payload may have, where both sides of a link have agreed on another measure
   */
  constructor(
    allocate: (length: number) => Uint8Array = (length) => new Uint8Array(length),
    longest = maxFramePayload,
  ) {
    this.#allocate = allocate;
    this.#longest = longest;
  }

  /** @throws EnarxError `frame/malformed` as soon as the bytes cannot be a frame */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#open !== undefined) {
        at += this.#fill(this.#open, chunk.subarray(at), frames);
        continue;
      }
      const held = this.#head.length;
      const bytes = held === 0 ? chunk : joined(this.#head, chunk, at);
      const begin = held === 0 ? at : 0;
      const head = decodeFrameHead(bytes, begin, this.#longest);
      if (head === undefined) {
        this.#head = Uint8Array.from(bytes.subarray(begin));
        break;
      }
      this.#head = empty;
      at += head.length - held;
      const end = at + head.payload;
      if (end <= chunk.length) {
        frames.push({ kind: head.kind, payload: chunk.subarray(at, end) });
        at = end;
      } else {
        this.#open = { kind: head.kind, payload: this.#allocate(head.payload), filled: 0 };
      }
    }
    return frames;
  }

  /** To be called at the end of the stream. @throws EnarxError `frame/truncated` when a frame was begun and not ended */
  end(): void {
    if (this.#head.length > 0 || this.#open !== undefined) throw protocolProblem('frame/truncated');
  }

  /** @returns how many bytes it took */
  #fill(
    open: { kind: number; payload: Uint8Array; filled: number },
    bytes: Uint8Array,
    frames: Frame[],
  ): number {
    const part = bytes.subarray(0, open.payload.length - open.filled);
    open.payload.set(part, open.filled);
    open.filled += part.length;
    if (open.filled === open.payload.length) {
      frames.push({ kind: open.kind, payload: open.payload });
      this.#open = undefined;
    }
    return part.length;
  }
}

/** The held bytes and as many of the chunk as may belong to the same head. */
function joined(held: Uint8Array, chunk: Uint8Array, at: number): Uint8Array {
  return concatBytes(held, chunk.subarray(at, at + longestHead - held.length));
}

/**
 * The head that begins at an index, or `undefined` while the bytes are too few to tell.
 *
 * @param longest - bytes that the payload may have
 * @throws EnarxError `frame/malformed`
 */
export function decodeFrameHead(bytes: Uint8Array, at: number, longest: number): FrameHead | undefined {
  const array = bytes[at];
  const kind = bytes[at + 1];
  const initial = bytes[at + 2];
  if (array !== 0x82) throw malformed('the first byte is not that of an array of two');
  if (kind !== undefined && kind > 23) throw malformed('the kind is not 0 to 23');
  if (kind === undefined || initial === undefined) return undefined;
  if (initial >= 0x40 && initial < 0x58) return { kind, length: 3, payload: initial - 0x40 };
  const width = initial === 0x58 ? 1 : initial === 0x59 ? 2 : initial === 0x5a ? 4 : 0;
  if (width === 0) throw malformed('the payload is not a byte string of definite length below 2^32');
  if (bytes.length < at + 3 + width) return undefined;
  let payload = 0;
  for (let index = at + 3; index < at + 3 + width; index += 1)
    payload = payload * 256 + (bytes[index] as number);
  const shortest = payload < 24 ? 0 : payload < 0x100 ? 1 : payload < 0x10000 ? 2 : 4;
  if (shortest !== width) throw malformed('the length is not in its shortest form');
  if (payload > longest) throw malformed(`a payload of ${String(payload)} bytes`);
  return { kind, length: 3 + width, payload };
}

function malformed(found: string): Error {
  return protocolProblem('frame/malformed', { found });
}
