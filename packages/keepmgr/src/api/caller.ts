// SPDX-License-Identifier: Apache-2.0

/** What one tenant may have at most; what is left out has no limit but the host's. */
export interface Quota {
  /** Keeps that have not ended. */
  readonly keeps?: number | undefined;
  /** MiB that they may count for together. */
  readonly memory?: number | undefined;
  readonly createsPerMinute?: number | undefined;
  /** Milliseconds; also what a Keep gets whose creation asks for none. */
  readonly longestLease?: number | undefined;
}

/** Who asks. */
export interface Caller {
  readonly tenant: string;
  /** Whether all Keeps are theirs to see and the host is theirs to cordon. */
  readonly operator: boolean;
  readonly quota: Quota;
}

/** The user of this machine, on loopback or a Unix socket. */
export const localUser: Caller = { tenant: 'local', operator: true, quota: {} };
