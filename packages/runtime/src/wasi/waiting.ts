// SPDX-License-Identifier: Apache-2.0

/** How long a waiting call is willing to wait before it looks again: milliseconds, or without end. 0 only lets in what has arrived. */
export type Pause = number | undefined;

/**
 * A call that has to wait, as a generator: each `yield` waits until something has changed, or the pause is over, and may return early. The same code
 * then runs on both bindings, one of which suspends the program's stack while the other blocks the process.
 */
export type Waiting<T> = Generator<Pause, T, void>;

/** A result that is there at once, or after waiting. */
export type Eventually<T extends number | undefined> = T | Waiting<T>;
