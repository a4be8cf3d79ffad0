// SPDX-License-Identifier: Apache-2.0
import type { Readable } from 'node:stream';

/** Bytes of the end that are kept for a guest that does not come up. */
const tail = 1000;

/**
 * What QEMU and the guest's kernel say before the guest is ready: a machine that does not come up could not be mended without it. Its end is kept, the rest is
 * read and dropped, however much it is.
 */
export class Console {
  #text = '';
  #open = true;

  constructor(...outputs: readonly Readable[]) {
    for (const output of outputs) {
      output.setEncoding('latin1').on('data', (text: string) => {
        if (this.#open) this.#text = `${this.#text}${text.slice(-tail)}`.slice(-tail);
      });
    }
  }

  /** Nothing, or a colon and what was said last. */
  get text(): string {
    const text = this.#text.trim();
    return text === '' ? '' : `: ${text}`;
  }

  close(): void {
    this.#open = false;
    this.#text = '';
  }
}
