// SPDX-License-Identifier: Apache-2.0
import type { Readable } from 'node:stream';

/**
 * What a Keep's process says before its guest is ready, when it holds nothing of anybody's: one that does not come up could not be mended
 * without it. Some of it is kept, the rest is read and dropped, however much it is.
 */
export class EarlyOutput {
  #text = '';
  #open = true;

  /** @param keep - of what was kept before and what came now */
  constructor(
    outputs: readonly Readable[],
    encoding: 'utf8' | 'latin1',
    keep: (before: string, now: string) => string,
  ) {
    for (const output of outputs) {
      output.setEncoding(encoding).on('data', (text: string) => {
        if (this.#open) this.#text = keep(this.#text, text);
      });
    }
  }

  /** Nothing, or a colon and what was kept. */
  get text(): string {
    const text = this.#text.trim();
    return text === '' ? '' : `: ${text}`;
  }

  /** From here on the guest has met a client: what it prints is no longer the host's to know. */
  close(): void {
    this.#open = false;
    this.#text = '';
  }
}
