// SPDX-License-Identifier: Apache-2.0
import type { KeepState } from '@enarx/protocol';

/** What can happen to a Keep. All but the last two are reported by its loader. */
export type KeepEvent = 'ready' | 'claimed' | 'running' | 'exited' | 'stopped' | 'failed';

/**
 * The life of a Keep: `launching → ready → claimed → running → exited | failed`. What is not in the table cannot happen;
 * a loader that reports it is lying.
 */
export const transitions: Readonly<Record<KeepState, Readonly<Partial<Record<KeepEvent, KeepState>>>>> = {
  launching: { ready: 'ready', stopped: 'exited', failed: 'failed' },
  ready: { claimed: 'claimed', stopped: 'exited', failed: 'failed' },
  claimed: { running: 'running', stopped: 'exited', failed: 'failed' },
  running: { exited: 'exited', stopped: 'exited', failed: 'failed' },
  exited: {},
  failed: {},
};

/** The state after the event, or `undefined` when the event cannot happen in this state. */
export function next(state: KeepState, event: KeepEvent): KeepState | undefined {
  return transitions[state][event];
}

export function hasEnded(state: KeepState): boolean {
  return state === 'exited' || state === 'failed';
}

const steps = ['ready', 'claimed', 'running', 'exited'] as const;

/**
 * The events that lead from one state forwards to another, each allowed by the table, or `undefined` where no such way is.
 * A loader that comes back after its daemon was away reports where its Keep stands by now.
 */
export function eventsBetween(from: KeepState, to: KeepState): KeepEvent[] | undefined {
  if (to === 'failed') return next(from, 'failed') === undefined ? undefined : ['failed'];
  const way: KeepEvent[] = [];
  let state: KeepState = from;
  for (const step of steps) {
    if (state === to) return way;
    const following = next(state, step);
    if (following === undefined) continue;
    way.push(step);
    state = following;
  }
  return state === to ? way : undefined;
}

/**
 * The events that a loader's word `told` stands for, or `undefined` where it cannot be true.
 * @param first - whether it is the first word on this connection, which may tell of more than one step
 */
export function eventsFor(
  from: KeepState,
  told: KeepState,
  { first, stopping }: { readonly first: boolean; readonly stopping: boolean },
): readonly KeepEvent[] | undefined {
  if (told === 'exited' && stopping) return ['stopped'];
  if (first) return eventsBetween(from, told);
  if (told === 'launching' || next(from, told) === undefined) return undefined;
  return [told];
}

/** A reason is a code; a loader that gives something else is not quoted. */
export function reasonOf(reason: string): string {
  return /^[a-z0-9-]+\/[a-z0-9-]+$/.test(reason) ? reason : 'keepldr/unintelligible';
}
