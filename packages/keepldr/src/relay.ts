// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

/**
 * Carries bytes both ways and never looks at them. The slower side sets the pace; the end of one direction is passed on
 * and leaves the other open (both streams must be `allowHalfOpen`); when one side breaks, so does the other.
 *
 * @returns resolves when both are closed; never rejects
 */
export function relay(one: Duplex, other: Duplex): Promise<void> {
  return Promise.all([carry(one, other), carry(other, one)]).then(() => undefined);
}

function carry(from: Duplex, to: Duplex): Promise<void> {
  return new Promise((resolve) => {
    from.pipe(to);
    from.on('error', () => {
      to.destroy();
    });
    from.on('close', () => {
      // A stream that closes without an end was cut off; passing that on as an orderly end would hide it. And one that is
      // closed takes no more, so what the other still had to say is lost, and is to be seen to be.
      if (!from.readableEnded || !from.writableFinished || !to.readableEnded) to.destroy();
      resolve();
    });
    if (from.destroyed) to.destroy();
  });
}
