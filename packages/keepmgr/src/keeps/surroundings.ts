// SPDX-License-Identifier: Apache-2.0
import type { LdrLaunch, Tee } from '@enarx/protocol';

import type { DaemonLog } from '../daemon-log.ts';
import type { Launcher } from '../launchers/launcher.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Store } from '../state/store.ts';

/** What every Keep of one daemon shares. Nothing in it is waited for on behalf of another Keep. */
export interface Surroundings {
  readonly store: Store;
  readonly launcher: Launcher;
  readonly limits: Limits;
  readonly log: DaemonLog;
  readonly metrics: Metrics;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Directory of the release; tells our processes from others. */
  readonly release: string;
}

/** What it shares, and whom it tells. */
export interface KeepSurroundings<Keep> extends Surroundings {
  /** Told of each change of a Keep, once the next daemon would find it. */
  readonly changed: (keep: Keep) => void;
}

/** Whose a Keep is. */
export interface Assignment {
  readonly tenant: string;
  /** The client's own id of the creation, 16 bytes. */
  readonly request: Uint8Array | undefined;
  /** Milliseconds. */
  readonly lease: number | undefined;
  /** Number of the request to the API, 8 bytes. */
  readonly asked: Uint8Array | undefined;
}

/** What is to be launched. */
export interface WantedKeep {
  readonly id: Uint8Array;
  readonly tee: Tee;
  /** MiB that it counts for. */
  readonly memory: number;
  /** Whose it is, or the shape of the launch: it is then of the pool, and nobody's. */
  readonly to: Assignment | { readonly pool: string };
}

/** The parts of a launch that the Keep does not know by itself. */
export type LaunchDetails = Omit<LdrLaunch, 'id' | 'tee' | 'token' | 'directory' | 'request'>;
