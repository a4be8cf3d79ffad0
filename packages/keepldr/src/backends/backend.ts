// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import type { GuestState, Resources, Sandbox, Tee } from '@enarx/protocol';

import type { Probe } from '../probe.ts';
import type { ProcessReference } from '../processes.ts';
import type { KeepldrProblemCode } from '../problems.ts';
import type { GuestSockets } from '../sockets/guest-sockets.ts';

export type GuestStateWord = GuestState['state'];

export interface LaunchOptions {
  /** Keep id, 16 bytes. */
  readonly id: Uint8Array;
  /** Absolute path of the directory that holds the loader's files. */
  readonly release: string;
  /** Absolute path of the one directory that the guest may write to. */
  readonly guestDirectory: string;
  /** File of the simulated processor, for `sim`. */
  readonly simulator?: string | undefined;
  /** Sandbox found to work on this machine; without it the backend tries. */
  readonly sandbox?: Sandbox | undefined;
  /** File of the simulated SEV platform, for launches with a secret where no real one is. */
  readonly sevPlatform?: string | undefined;
  /** Directory of the guest image, for machines. */
  readonly image?: string | undefined;
  /** The host's sockets for the guest's program; to be attached to the instance. */
  readonly sockets: GuestSockets;
  /** What a machine is given; the backend's own measure where it is left out. */
  readonly resources?: Resources | undefined;
  /** What runs the instructions of a machine without encrypted memory. */
  readonly accelerator?: 'kvm' | 'tcg' | undefined;
  /** Told of what an operator may want to know; a machine that had to be started again has other processes from then on. */
  readonly onEvent?: ((event: string, detail: string) => void) | undefined;
  /** Told that evidence was given to the guest, and of the milliseconds that it took to make. */
  readonly onEvidence?: ((took: number) => void) | undefined;
}

/** Why an instance is no more. */
export interface InstanceEnd {
  /** What the host can tell of it: an exit status or signal, or what the guest did wrong. */
  readonly detail: string;
  /** Set when it is the guest's or the launch's fault that it ended. */
  readonly problem?: KeepldrProblemCode | undefined;
}

/** One running TEE instance. */
export interface TeeInstance {
  /** Leaders of every process group that belongs to it by now. */
  readonly processes: readonly ProcessReference[];
  /** States that the guest reports, each at most once and only forwards; ends when the instance does. */
  readonly states: AsyncIterable<GuestStateWord>;
  /** A new connection to the guest's channel, half-open when one side ends. Errors are events of the stream. */
  connect(): Duplex;
  /** A connection of the owner's, who takes part in a launch with a secret. Kinds without one have no use for it. */
  readonly provision?: ((connection: Duplex) => void) | undefined;
  /** Destroys it. Resolves when nothing of it runs any more, in bounded time. */
  stop(): Promise<void>;
  /** Resolves when it has ended by itself or was stopped. Never rejects. */
  readonly exited: Promise<InstanceEnd>;
}

/** One way to build TEE instances. */
export interface Backend {
  readonly tee: Tee;
  /** What this machine offers for it; usable when every probe passes. */
  probe(): Promise<readonly Probe[]>;
  /** @throws EnarxError `keepldr/…` or `tee/unsupported` */
  launch(options: LaunchOptions): Promise<TeeInstance>;
}
