// SPDX-License-Identifier: Apache-2.0
import type { KeepRecord } from '../state/record.ts';
import type { Assignment, WantedKeep } from './surroundings.ts';

type Recorded = Pick<KeepRecord, 'tenant' | 'pool' | 'request' | 'asked' | 'created'>;

/** Whose a Keep is: of the pool and nobody's, or somebody's for good. */
export class Belonging {
  #now: Recorded;

  constructor(recorded: Recorded) {
    const { tenant, pool, request, asked, created } = recorded;
    this.#now = { tenant, pool, request, asked, created };
  }

  /** Of a new Keep. @param created - milliseconds since 1970 */
  static of(to: WantedKeep['to'], created: number): Belonging {
    if ('pool' in to)
      return new Belonging({ tenant: '', request: undefined, asked: undefined, pool: to.pool, created });
    return new Belonging({ ...to, pool: undefined, created });
  }

  /** From now on it is somebody's. @returns makes it what it was, for one who cannot write that down */
  assign(assignment: Assignment, now: number): () => void {
    const before = this.#now;
    this.#now = new Belonging({ ...assignment, pool: undefined, created: now }).recorded;
    return () => {
      this.#now = before;
    };
  }

  get recorded(): Recorded {
    return this.#now;
  }

  /** Empty while it is of the pool. */
  get tenant(): string {
    return this.#now.tenant;
  }

  /** The client's own id of the creation, 16 bytes. */
  get request(): Uint8Array | undefined {
    return this.#now.request;
  }

  /** Number of the request to the API, 8 bytes. */
  get asked(): Uint8Array | undefined {
    return this.#now.asked;
  }

  /** Milliseconds since 1970; of one that was of the pool, when it became somebody's. */
  get created(): number {
    return this.#now.created;
  }

  /** The shape of its launch, while it is of the pool and nobody's. */
  get pool(): string | undefined {
    return this.#now.pool;
  }
}
