// SPDX-License-Identifier: Apache-2.0

/** What a thread is told to fuzz. */
export interface Order {
  readonly target: string;
  readonly executions: number;
  readonly seed: number;
  /** Length of the current input, number of executions, then the input. */
  readonly current: SharedArrayBuffer;
}

export const currentHeader = 8;
