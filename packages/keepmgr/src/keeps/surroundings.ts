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

/** What a client wants. */
export interface WantedKeep {
  readonly id: Uint8Array;
  readonly tenant: string;
  readonly request: Uint8Array | undefined;
  readonly tee: Tee;
  /** Milliseconds. */
  readonly lease: number | undefined;
}

/** Who a Keep is, for as long as it is known. */
export type KeepIdentity = Omit<WantedKeep, 'lease'> & {
  readonly created: number;
  readonly tokenDigest: Uint8Array;
};

/** The parts of a launch that the Keep does not know by itself. */
export type LaunchDetails = Omit<LdrLaunch, 'id' | 'tee' | 'token' | 'directory'>;
