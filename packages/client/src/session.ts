// SPDX-License-Identifier: Apache-2.0
import type { Steps } from './steps.ts';
import type { Tap } from './tap.ts';

/** What goes with one connection from beginning to end. */
export interface Session {
  readonly steps: Steps;
  readonly signal: AbortSignal | undefined;
  readonly tap: Tap | undefined;
}
