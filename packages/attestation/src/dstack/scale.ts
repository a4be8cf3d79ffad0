// SPDX-License-Identifier: Apache-2.0
import { attestationProblem } from '../problems.ts';

/** Reads along a dstack attestation, which is in the SCALE codec, and never past its end. */
export class ScaleReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw malformed('a dstack attestation that is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  u32(): number {
    return this.take(4).reduceRight((sum, octet) => sum * 256 + octet, 0);
  }

  /** The codec’s compact integer, its modes of one, two and four octets, in the shortest. */
  compact(): number {
    const mode = ((this.take(1)[0] as number) & 3) as 0 | 1 | 2 | 3;
    if (mode === 3) throw malformed('a length in a dstack attestation that is too large');
    this.#at -= 1;
    const octets = this.take(2 ** mode);
    const value = octets.reduceRight((sum, octet) => sum * 256 + octet, 0);
    if (mode > 0 && value < 2 ** (4 * 2 ** mode))
      throw malformed('a length in a dstack attestation that is not in its shortest form');
    return Math.floor(value / 4);
  }

  sized(): Uint8Array {
    return this.take(this.compact());
  }

  /** Events of the run: name and payload each. One takes two bytes at least, so that a false count ends at the end of the data. */
  skipRunEvents(): void {
    for (let left = this.compact(); left > 0; left -= 1) {
      this.sized();
      this.sized();
    }
  }

  /** To be called where nothing more may stand. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw malformed('data behind a dstack attestation');
  }
}

export function malformed(found: string): Error {
  return attestationProblem('evidence/malformed', { found });
}
