// SPDX-License-Identifier: Apache-2.0
//
// Instances that are made before anybody asks, while there is nothing else to do. Each is used once.

/** Milliseconds after which an instance is made beside a request that is still being answered: others may come before it is over. */
const patience = 10;
/** Milliseconds after which it is forgotten how many were wanted at once. */
const memory = 60_000;

export interface Poolable {
  /** Gives back what it holds. */
  end(): void;
}

export class InstancePool<T extends Poolable> {
  readonly #make: () => Promise<T>;
  readonly #most: number;
  readonly #ready: Promise<T>[];
  /** Taken and not yet over. */
  #taken = 0;
  /** How many are kept ready: as many as were lately wanted at once. */
  #wanted = 1;
  /** Most that were taken at once since the last look. */
  #peak = 0;
  #beside: NodeJS.Timeout | undefined;
  #refilling = false;

  /** @param most - that there may be at once, ready ones and taken ones together */
  constructor(make: () => Promise<T>, first: T, most: number) {
    this.#make = make;
    this.#most = most;
    this.#ready = [Promise.resolve(first)];
    setInterval(() => {
      this.#forget();
    }, memory).unref();
  }

  /** Rejects where it cannot be made: that is told to the request that needs it. */
  take(): Promise<T> {
    this.#taken += 1;
    this.#peak = Math.max(this.#peak, this.#taken);
    this.#wanted = Math.max(this.#wanted, this.#peak);
    this.#beside ??= setTimeout(() => {
      this.#beside = undefined;
      if (this.#ready.length === 0) this.#add();
    }, patience);
    return this.#ready.shift() ?? this.#make();
  }

  /** One that was taken is over. */
  done(): void {
    this.#taken -= 1;
    this.#refill();
  }

  /** After what is to be sent now, and one in each turn: whoever asks meanwhile is not held up by all of them. */
  #refill(): void {
    if (this.#refilling || this.#taken > 0 || this.#ready.length >= this.#wanted) return;
    this.#refilling = true;
    setImmediate(() => {
      this.#refilling = false;
      if (this.#taken > 0) return;
      this.#add();
      this.#refill();
    });
  }

  #add(): void {
    if (this.#taken + this.#ready.length >= this.#most) return;
    const instance = this.#make();
    instance.catch(() => undefined);
    this.#ready.push(instance);
  }

  #forget(): void {
    this.#wanted = Math.max(1, this.#peak);
    this.#peak = this.#taken;
    for (const instance of this.#ready.splice(this.#wanted)) void instance.then(end, () => undefined);
  }
}

function end(instance: Poolable): void {
  instance.end();
}
