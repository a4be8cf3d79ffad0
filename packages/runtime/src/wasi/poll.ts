// SPDX-License-Identifier: Apache-2.0
import { clockId, now } from './clocks.ts';
import type { Direction } from './descriptor.ts';
import type { DescriptorTable } from './descriptor-table.ts';
import { errnoNumber, fail, WasiError } from './errno.ts';
import type { GuestMemory } from './memory.ts';
import { right } from './rights.ts';
import { Arrivals, type Waiting } from './waiting.ts';

const subscriptionSize = 48;
const eventSize = 32;
const eventType = { clock: 0, fdRead: 1, fdWrite: 2 } as const;
const absoluteTime = 1;
const hangupFlag = 1;
const nanosecondsPerMillisecond = 1_000_000n;

const arrivals = new Arrivals();

/** One `poll_oneoff`. The subscriptions stay in the program's memory, so that their number costs the host no memory. */
export class Poll {
  readonly #memory: GuestMemory;
  readonly #descriptors: DescriptorTable;
  readonly #subscriptions: number;
  readonly #events: number;
  readonly #count: number;
  /** Monotonic and real time at the call: relative timeouts count from here, however often the subscriptions are looked at. */
  readonly #started: readonly [realtime: bigint, monotonic: bigint];
  #written = 0;
  /** Events are only counted: they would lie on the subscriptions, and those may have to be looked at again. */
  #counting: boolean;
  #waitsForDescriptor = false;

  constructor(
    memory: GuestMemory,
    descriptors: DescriptorTable,
    subscriptions: number,
    events: number,
    count: number,
  ) {
    this.#memory = memory;
    this.#descriptors = descriptors;
    this.#subscriptions = subscriptions >>> 0;
    this.#events = events >>> 0;
    this.#count = count >>> 0;
    if (this.#count === 0) fail('inval');
    memory.check(this.#subscriptions, this.#count * subscriptionSize);
    memory.check(this.#events, this.#count * eventSize);
    this.#counting =
      this.#events < this.#subscriptions + this.#count * subscriptionSize &&
      this.#subscriptions < this.#events + this.#count * eventSize;
    this.#started = [now(clockId.realtime), now(clockId.monotonic)];
  }

  /** @returns number of events written, at least one */
  *run(): Waiting<number> {
    let pause = this.#look();
    // A poll that need not wait must still let input in, or a program that polls in a loop with timeout zero never sees any.
    if (this.#written > 0 && this.#waitsForDescriptor && arrivals.due()) {
      yield 0;
      arrivals.letIn();
      pause = this.#look();
    }
    while (this.#written === 0) {
      yield pause;
      arrivals.letIn();
      pause = this.#look();
    }
    if (this.#counting) {
      this.#counting = false;
      this.#look();
    }
    return this.#written;
  }

  /** Writes an event for each subscription that is due. @returns milliseconds until the first clock is due, if there is one */
  #look(): number | undefined {
    this.#written = 0;
    this.#waitsForDescriptor = false;
    let soonest: bigint | undefined;
    for (let i = 0; i < this.#count; i += 1) {
      const subscription = this.#subscriptions + i * subscriptionSize;
      const type = this.#memory.getU8(subscription + 8);
      if (type === eventType.clock) {
        const left = this.#clockLeft(subscription);
        if (left > 0n && (soonest === undefined || left < soonest)) soonest = left;
      } else if (type === eventType.fdRead || type === eventType.fdWrite) {
        this.#lookAtDescriptor(subscription, type);
      } else {
        this.#event(subscription, errnoNumber('inval'), type);
      }
    }
    return soonest === undefined
      ? undefined
      : Number((soonest + nanosecondsPerMillisecond - 1n) / nanosecondsPerMillisecond);
  }

  /** @returns nanoseconds until the clock is due, or zero after its event was written */
  #clockLeft(subscription: number): bigint {
    const id = this.#memory.getU32(subscription + 16);
    const timeout = this.#memory.getU64(subscription + 24);
    const flags = this.#memory.getU16(subscription + 40);
    if (id !== clockId.realtime && id !== clockId.monotonic) {
      this.#event(subscription, errnoNumber('notsup'), eventType.clock);
      return 0n;
    }
    const due = (flags & absoluteTime) === 0 ? this.#started[id] + timeout : timeout;
    const left = due - now(id);
    if (left > 0n) return left;
    this.#event(subscription, 0, eventType.clock);
    return 0n;
  }

  #lookAtDescriptor(subscription: number, type: number): void {
    const direction: Direction = type === eventType.fdRead ? 'read' : 'write';
    try {
      const descriptor = this.#descriptors.get(
        this.#memory.getU32(subscription + 16),
        right.pollFdReadwrite | (direction === 'read' ? right.fdRead : right.fdWrite),
      );
      const readiness = descriptor.readiness(direction);
      if (readiness === undefined) {
        this.#waitsForDescriptor = true;
        return;
      }
      this.#event(subscription, 0, type, readiness.bytes, readiness.hangup ? hangupFlag : 0);
    } catch (error) {
      if (!(error instanceof WasiError)) throw error;
      this.#event(subscription, error.errno, type);
    }
  }

  #event(subscription: number, error: number, type: number, bytes = 0, flags = 0): void {
    const event = this.#events + this.#written * eventSize;
    this.#written += 1;
    if (this.#counting) return;
    const memory = this.#memory;
    memory.setU64(event, memory.getU64(subscription));
    memory.setU16(event + 8, error);
    memory.setU8(event + 10, type);
    memory.setU64(event + 16, BigInt(bytes));
    memory.setU16(event + 24, flags);
  }
}
