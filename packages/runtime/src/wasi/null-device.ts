// SPDX-License-Identifier: Apache-2.0
import { Descriptor, filetype, type Readiness } from './descriptor.ts';
import type { Buffers } from './io-vectors.ts';
import { right, streamRights } from './rights.ts';

/** Reads as empty; takes whatever is written. */
export class NullDevice extends Descriptor {
  readonly filetype = filetype.characterDevice;

  constructor() {
    super(streamRights | right.fdRead | right.fdWrite);
  }

  read(): number {
    return 0;
  }

  write(from: Buffers): number {
    return from.remaining;
  }

  readiness(): Readiness {
    return { bytes: 0, hangup: false };
  }
}
