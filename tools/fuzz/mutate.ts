// SPDX-License-Identifier: Apache-2.0
import type { Random } from './random.ts';

/** Numbers at the edges of what lengths and counts can hold. */
const edges = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 23, 24, 31, 32, 63, 64, 127, 128, 129, 254, 255, 256, 257, 1023, 1024, 4095,
  4096, 32_767, 32_768, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
];

/** A copy of `input` with one to five changes. @param corpus - inputs to take pieces from */
export function mutate(
  input: Uint8Array,
  corpus: readonly Uint8Array[],
  tokens: readonly Uint8Array[],
  random: Random,
  longest: number,
): Uint8Array {
  let bytes = Uint8Array.from(input);
  for (let left = 1 + random.below(random.below(2) === 0 ? 2 : 5); left > 0; left -= 1)
    bytes = changed(bytes, corpus, tokens, random);
  return bytes.subarray(0, longest);
}

function changed(
  bytes: Uint8Array<ArrayBuffer>,
  corpus: readonly Uint8Array[],
  tokens: readonly Uint8Array[],
  random: Random,
): Uint8Array<ArrayBuffer> {
  const place = bytes.length === 0 ? 0 : random.below(bytes.length);
  switch (random.below(bytes.length === 0 ? 3 : 11)) {
    case 0:
      return spliced(
        bytes,
        place,
        0,
        Uint8Array.from({ length: 1 + random.below(8) }, () => random.next()),
      );
    case 1: {
      const token = tokens.length === 0 ? Uint8Array.of(random.next()) : random.of(tokens);
      return spliced(bytes, place, random.below(2) * Math.min(token.length, bytes.length - place), token);
    }
    case 2: {
      const other = random.of(corpus);
      const from = other.length === 0 ? 0 : random.below(other.length);
      const piece = other.subarray(from, from + 1 + random.below(64));
      return spliced(bytes, place, random.below(2) * Math.min(piece.length, bytes.length - place), piece);
    }
    case 3:
    case 4:
      bytes[place] = (bytes[place] as number) ^ (1 << random.below(8));
      return bytes;
    case 5:
      bytes[place] = random.next();
      return bytes;
    case 6:
      bytes[place] = (bytes[place] as number) + (random.below(2) === 0 ? 1 : -1) * (1 + random.below(16));
      return bytes;
    case 7: {
      const view = new DataView(bytes.buffer);
      const value = random.of(edges);
      const little = random.below(2) === 0;
      const width = random.below(3);
      if (width === 0) view.setUint8(place, value);
      else if (width === 1 && place + 2 <= bytes.length) view.setUint16(place, value, little);
      else if (place + 4 <= bytes.length) view.setUint32(place, value, little);
      return bytes;
    }
    case 8:
      return spliced(
        bytes,
        place,
        1 + random.below(random.below(4) === 0 ? bytes.length : 8),
        new Uint8Array(0),
      );
    case 9: {
      const piece = bytes.slice(place, place + 1 + random.below(64));
      return spliced(bytes, random.below(bytes.length), 0, piece);
    }
    default:
      return bytes.slice(0, place);
  }
}

function spliced(
  bytes: Uint8Array,
  at: number,
  removed: number,
  inserted: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const rest = bytes.subarray(at + removed);
  const result = new Uint8Array(at + inserted.length + rest.length);
  result.set(bytes.subarray(0, at));
  result.set(inserted, at);
  result.set(rest, at + inserted.length);
  return result;
}
