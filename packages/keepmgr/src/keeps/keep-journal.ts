// SPDX-License-Identifier: Apache-2.0
import { Pace } from '@enarx/keepldr/pace';
import { formatKeepId, toHex, type KeepLog, type LdrLog, type LogEntry } from '@enarx/protocol';

import type { DaemonLog, LogFields } from '../daemon-log.ts';
import { LogRing } from './log-ring.ts';

/** Connections whose requests are remembered, for what the loader still has to say of them. */
const mostStreams = 64;
/** A loader that talks without end fills its own log, not the daemon's. */
const linesAtOnce = 32;
const linesPerSecond = 4;

/**
 * What the host notes of one Keep: in the Keep's own log, which its tenant may read, and as lines of the daemon, which hold the ids of
 * the Keep and of the request, and no detail: an error message may name what a tenant's program does.
 */
export class KeepJournal {
  readonly #ring: LogRing;
  readonly #log: DaemonLog;
  readonly #keep: string;
  readonly #lines = new Pace(linesAtOnce, linesPerSecond);
  /** The requests that asked for relay connections. */
  readonly #streams = new Map<number, Uint8Array>();
  #asked: Uint8Array | undefined;

  constructor(clock: () => number, log: DaemonLog, id: Uint8Array) {
    this.#ring = new LogRing(clock);
    this.#log = log;
    this.#keep = formatKeepId(id);
  }

  /** Names the request that asked for the Keep, 8 bytes. */
  askedBy(request: Uint8Array | undefined): void {
    this.#asked = request;
  }

  /** @param request - that brought it about; without it the one that asked for the Keep */
  note(event: string, detail?: string, request = this.#asked): void {
    this.#ring.add({ source: 'keepmgr', event, detail, request });
  }

  /** Writes a line of the daemon. */
  line(event: string, fields: LogFields = {}, request = this.#asked): void {
    this.#log(event, {
      keep: this.#keep,
      request: request === undefined ? undefined : toHex(request),
      ...fields,
    });
  }

  /** Writes that something went wrong, and what. */
  failed(event: string, error: unknown): void {
    this.line(event, { detail: (error as Error).message });
  }

  /** A request has asked for the relay connection with this number. */
  opens(stream: number, request: Uint8Array | undefined): void {
    if (request === undefined) return;
    this.#streams.set(stream, request);
    const [oldest] = this.#streams.keys();
    if (this.#streams.size > mostStreams && oldest !== undefined) this.#streams.delete(oldest);
    this.line('channel-opens', { stream }, request);
  }

  /** What the loader tells, of itself or of its guest. Which requests there are, the daemon knows better than it. */
  heard({ source, event, detail, stream }: LdrLog): void {
    const request = (stream === undefined ? undefined : this.#streams.get(stream)) ?? this.#asked;
    const from = source === 'wasmldr' ? 'wasmldr' : 'keepldr';
    this.#ring.add({ source: from, event, detail, request });
    if (!this.#lines.take()) return;
    const word = /^[a-z][a-z0-9-]{0,63}$/.test(event) ? event : 'unintelligible';
    this.line('loader-event', { source: from, word, stream }, request);
  }

  /** The Keep's own log, together with entries from elsewhere, oldest first. */
  entriesWith(others: readonly LogEntry[]): KeepLog {
    return this.#ring.entriesWith(others);
  }
}
