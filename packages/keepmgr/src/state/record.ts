// SPDX-License-Identifier: Apache-2.0
import type { KeepState, Tee } from '@enarx/protocol';

import type { ProcessReference } from '@enarx/keepldr/processes';

/** What is on disk of one Keep. */
export interface KeepRecord {
  readonly id: Uint8Array;
  /** Who asked for it; empty while it is of the pool. */
  readonly tenant: string;
  /** The shape of its launch, while it is of the pool. */
  readonly pool: string | undefined;
  /** The client's own id of its creation, 16 bytes: asking twice makes one Keep. */
  readonly request: Uint8Array | undefined;
  /** Number of the request to the API that asked for it, 8 bytes. */
  readonly asked: Uint8Array | undefined;
  readonly tee: Tee;
  /** MiB that it counts for. */
  readonly memory: number;
  readonly state: KeepState;
  /** Milliseconds since 1970, as are the other times. */
  readonly created: number;
  readonly ended: number | undefined;
  readonly reason: string | undefined;
  /** Milliseconds that it was last granted, and when they are over. */
  readonly lease: number | undefined;
  readonly expires: number | undefined;
  /** SHA-256 of the loader's token: enough to know it again, useless to whoever reads the disk. */
  readonly tokenDigest: Uint8Array;
  /** Boot in which the processes ran. */
  readonly boot: string;
  readonly loader: ProcessReference | undefined;
  readonly processes: readonly ProcessReference[];
}
