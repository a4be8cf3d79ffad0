// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { maxFramePayload } from '@enarx/protocol';

import { runtimeProblem } from './problems.ts';
import { socketWindow } from './runner-frames.ts';

export interface CarriedEvents {
  /**
   * The next `length` bytes for the runner, by {@link Carried.take}; with them goes what {@link Carried.owed} says.
   * @returns false when no more can be taken before `carry` is called again
   */
  data(length: number): boolean;
  granted(bytes: number): void;
  ended(): void;
  broken(): void;
}

/** Bytes of a TLS record. Data comes in pieces of that size when more is behind it. */
const fullRecord = 16_384;

/** One connection of a program, seen from the supervisor. */
export class Carried {
  readonly duplex: Duplex;
  readonly #events: CarriedEvents;
  /** Bytes that the runner may still send, and those that it gets back when enough of them are written. */
  #room = socketWindow;
  #written = 0;
  #finished = false;
  /** Bytes that the runner takes. */
  #credit = socketWindow;
  /** What has come and is not on its way to the runner. Never more than a frame and what the stream hands over at once, since the stream is paused otherwise. */
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;
  #gathering = false;
  #ended = false;
  #told = false;
  #retired = false;

  constructor(duplex: Duplex, events: CarriedEvents) {
    this.duplex = duplex;
    this.#events = events;
    duplex.on('error', () => undefined);
    duplex.on('data', (chunk: Uint8Array) => {
      this.#receive(chunk);
    });
    duplex.on('end', () => {
      this.#ended = true;
      this.carry();
    });
    const broken = (): void => {
      if (this.#retired) return;
      if (this.#gathering) this.carry();
      if (!this.#told || !this.#finished) events.broken();
    };
    duplex.on('close', broken);
    if (duplex.closed) setImmediate(broken);
  }

  /** The program has closed it: nothing of it is told any more. */
  retire(): void {
    this.#retired = true;
    this.#held.length = 0;
    this.#heldBytes = 0;
  }

  /**
   * TLS hands over record by record what it has read at once. Full ones are gathered until the turn of the event loop is over, or a frame is full: a frame
   * costs each of the two processes as much as copying fifty kilobytes.
   */
  #receive(chunk: Uint8Array): void {
    if (this.#retired) return;
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= maxFramePayload || chunk.length !== fullRecord) {
      this.carry();
      return;
    }
    if (this.#gathering) return;
    this.#gathering = true;
    setImmediate(() => {
      if (this.#gathering) this.carry();
    });
  }

  /** Brings to the runner what has come, as far as it is wanted. */
  carry(): void {
    this.#gathering = false;
    if (this.#retired) return;
    while (this.#heldBytes > 0) {
      if (this.#credit === 0) {
        this.duplex.pause();
        return;
      }
      const length = Math.min(this.#heldBytes, this.#credit, maxFramePayload);
      this.#credit -= length;
      if (!this.#events.data(length)) {
        this.duplex.pause();
        return;
      }
    }
    if (this.#ended) {
      if (this.#told) return;
      this.#told = true;
      this.#events.ended();
    } else if (this.duplex.isPaused()) this.duplex.resume();
  }

  /** Moves the next bytes to `target`, from `at` on, to its end. */
  take(target: Uint8Array, at: number): void {
    let taken = 0;
    for (let to = at; to < target.length;) {
      const chunk = this.#held[taken] as Uint8Array;
      const room = target.length - to;
      if (chunk.length > room) {
        target.set(chunk.subarray(0, room), to);
        this.#held[taken] = chunk.subarray(room);
        break;
      }
      target.set(chunk, to);
      to += chunk.length;
      taken += 1;
    }
    this.#held.splice(0, taken);
    this.#heldBytes -= target.length - at;
  }

  /** What the runner may send again and has not been told of; it has to be told now. */
  owed(): number {
    const granted = this.#written;
    this.#written = 0;
    this.#room += granted;
    return granted;
  }

  /** From the runner: it takes so many bytes more. */
  grant(bytes: number): void {
    if (bytes === 0) return;
    this.#credit += bytes;
    if (this.#credit > socketWindow) throw misbehaved('a request for too many bytes of a socket');
    if (!this.#gathering) this.carry();
  }

  /** From the runner. */
  send(bytes: Uint8Array): void {
    this.#room -= bytes.length;
    if (this.#room < 0 || this.#finished)
      throw misbehaved(`data beyond the ${this.#finished ? 'end' : 'credit'} of a socket`);
    if (this.duplex.destroyed) return;
    this.duplex.write(bytes, (error) => {
      if (error || this.#retired) return;
      this.#written += bytes.length;
      // Less than that rides along with data, and until then the runner has the other half of its window.
      if (this.#written >= socketWindow / 2) this.#events.granted(this.owed());
    });
  }

  /** From the runner: it has no more to send. */
  finish(): void {
    if (this.#finished) throw misbehaved('a second end of a socket');
    this.#finished = true;
    if (!this.duplex.destroyed) this.duplex.end();
  }
}

/** A runner that lies is killed. */
export function misbehaved(found: string): Error {
  return runtimeProblem('runner/misbehaved', { found });
}
