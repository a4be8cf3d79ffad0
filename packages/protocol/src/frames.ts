// SPDX-License-Identifier: Apache-2.0
import { protocolProblem } from './problems.ts';

/** Largest payload of one frame in bytes. Longer data is sent as several frames. */
export const maxFramePayload = 65_536;

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

interface Head {
  readonly kind: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts a byte stream into frames. Holds at most one incomplete frame (64 KiB and a head), whatever arrives.
 * A payload that lies whole in one chunk is a view of that chunk.
 */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0);

  /** @throws EnarxError `frame/malformed` as soon as the bytes cannot be a frame */
  push(chunk: Uint8Array): Frame[] {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    const frames: Frame[] = [];
    let at = 0;
    for (;;) {
      const head = readHead(bytes, at);
      if (head === undefined || head.end > bytes.length) break;
      frames.push({ kind: head.kind, payload: bytes.subarray(head.start, head.end) });
      at = head.end;
    }
    this.#rest = bytes.subarray(at);
    return frames;
  }

  /** To be called at the end of the stream. @throws EnarxError `frame/truncated` when a frame was begun and not ended */
  end(): void {
    if (this.#rest.length > 0)
      throw protocolProblem('frame/truncated', { found: `${String(this.#rest.length)} bytes of a frame` });
  }
}

function readHead(bytes: Uint8Array, at: number): Head | undefined {
  const available = bytes.length - at;
  if (available >= 1 && bytes[at] !== 0x82) throw malformed('the first byte is not that of an array of two');
  if (available >= 2 && (bytes[at + 1] as number) > 23) throw malformed('the kind is not 0 to 23');
  if (available < 3) return undefined;
  const initial = bytes[at + 2] as number;
  if (initial >= 0x40 && initial < 0x58) return head(bytes, at, 3, initial - 0x40);
  const width = initial === 0x58 ? 1 : initial === 0x59 ? 2 : initial === 0x5a ? 4 : 0;
  if (width === 0) throw malformed('the payload is not a byte string of definite length below 2^32');
  if (available < 3 + width) return undefined;
  let length = 0;
  for (let i = 0; i < width; i += 1) length = length * 256 + (bytes[at + 3 + i] as number);
  const shortest = length < 24 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 4;
  if (shortest !== width) throw malformed('the length is not in its shortest form');
  if (length > maxFramePayload) throw malformed(`a payload of ${String(length)} bytes`);
  return head(bytes, at, 3 + width, length);
}

function head(bytes: Uint8Array, at: number, headLength: number, length: number): Head {
  const start = at + headLength;
  return { kind: bytes[at + 1] as number, start, end: start + length };
}

function malformed(found: string): Error {
  return protocolProblem('frame/malformed', { found });
}
