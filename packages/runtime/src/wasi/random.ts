// SPDX-License-Identifier: Apache-2.0
import type * as Crypto from 'node:crypto';

import type { GuestMemory } from './memory.ts';

/** What one `getrandom(2)`-backed fill may hold up the process for; longer requests are filled piece by piece. */
const pieceSize = 65_536;
let crypto: typeof Crypto | undefined;
let ahead: Uint8Array = new Uint8Array(0);

/** Random bytes of the supervisor's, for the first that are asked for. @param bytes - nobody else's */
export function useFirst(bytes: Uint8Array): void {
  ahead = bytes;
}

/** Loading node:crypto takes 5 ms and memory, and most programs want one seed. */
export function prepareRandom(): typeof Crypto {
  crypto ??= process.getBuiltinModule('node:crypto');
  return crypto;
}

export function fillRandom(memory: GuestMemory, pointer: number, length: number): void {
  const start = pointer >>> 0;
  const size = length >>> 0;
  memory.check(start, size);
  if (size <= ahead.length) {
    memory.setBytes(start, ahead.subarray(0, size));
    ahead.fill(0, 0, size);
    ahead = ahead.subarray(size);
    return;
  }
  const { randomFillSync } = prepareRandom();
  // Through a buffer of our own, since the program's memory may be a shared one, which the generator refuses.
  const piece = new Uint8Array(Math.min(size, pieceSize));
  for (let done = 0; done < size; done += pieceSize) {
    const part = piece.subarray(0, Math.min(pieceSize, size - done));
    randomFillSync(part);
    memory.setBytes(start + done, part);
  }
}
