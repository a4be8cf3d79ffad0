// SPDX-License-Identifier: Apache-2.0
import { Descriptor, filetype, type Direction, type Readiness } from './descriptor.ts';
import { fail } from './errno.ts';
import type { Buffers } from './io-vectors.ts';
import type { OutputSink } from './output-stream.ts';
import { right, streamRights } from './rights.ts';
import { Arrivals, type Eventually, type Waiting } from './waiting.ts';

/** WASI preview 1 `riflags` and `sdflags`. */
const riflag = { peek: 1, waitall: 2 } as const;
const sdflag = { receive: 1, send: 2 } as const;

/** The way to the other end of a connection. */
export interface ConnectionSink extends OutputSink {
  /** The program has taken so many bytes, for which the other side may send as many more. Whether it is told of each is up to this. */
  grant(bytes: number): void;
  /** No more will be sent. */
  end(): void;
  /** The program has closed it. Comes last. */
  close(): void;
}

/** A connected socket. What happens to it on the other side is told by {@link push}, {@link end} and {@link breakOff}. */
export class Connection extends Descriptor {
  readonly filetype = filetype.socketStream;
  readonly #sink: ConnectionSink;
  readonly #chunks: Uint8Array[] = [];
  readonly #arrivals = new Arrivals();
  #buffered = 0;
  /** There is nothing more to read: the other end has finished, or the program has shut this direction down. */
  #ended = false;
  #shut = false;
  #finished = false;
  #broken = false;
  /** Called when something has happened to it, for whoever does not wait by polling. */
  changed: (() => void) | undefined;

  constructor(sink: ConnectionSink) {
    super(streamRights | right.fdRead | right.fdWrite | right.sockShutdown);
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    if (this.#shut) {
      this.#consumed(chunk.length);
      return;
    }
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    this.changed?.();
  }

  end(): void {
    this.#ended = true;
    this.changed?.();
  }

  breakOff(): void {
    this.#broken = true;
    this.changed?.();
  }

  /** Neither side has ended it. */
  get whole(): boolean {
    return !this.#ended && !this.#broken && !this.#finished;
  }

  read(into: Buffers): Eventually<number> {
    return this.receive(into, 0);
  }

  write(from: Buffers): Eventually<number> {
    return this.send(from);
  }

  override receive(into: Buffers, flags: number): Eventually<number> {
    if (into.remaining === 0) return 0;
    if (this.#settled) {
      if ((flags & riflag.waitall) === 0 || this.nonblocking) return this.#take(into, flags);
    } else if (this.nonblocking && !this.#arrivals.due()) fail('again');
    return this.#receiveLater(into, flags);
  }

  override send(from: Buffers): Eventually<number> {
    this.#requireWritable();
    const wanted = from.remaining;
    if (wanted === 0) return 0;
    if (this.nonblocking) {
      if (this.#writable) return this.#sendPiece(from);
      return this.#arrivals.due() ? this.#sendSome(from) : fail('again');
    }
    if (wanted <= this.#sink.credit && wanted <= this.#sink.largest) {
      this.#sendPiece(from);
      if (!this.#sink.congested) return wanted;
    }
    return this.#sendRest(from, wanted);
  }

  /** Sends as much as may be sent now, whether or not the operating system takes it at once. */
  sendNow(from: Buffers): void {
    this.#requireWritable();
    while (from.remaining > 0 && this.#sink.credit > 0) this.#sendPiece(from);
  }

  override shutdown(how: number): void {
    if (this.#broken) fail('notconn');
    if ((how & sdflag.send) !== 0) this.#finish();
    if ((how & sdflag.receive) === 0) return;
    this.#shut = true;
    this.#ended = true;
    this.#chunks.length = 0;
    this.#consumed(this.#buffered);
    this.#buffered = 0;
  }

  override close(): void {
    this.#chunks.length = 0;
    this.#sink.close();
  }

  readiness(direction: Direction): Readiness | undefined {
    if (direction === 'read')
      return this.#settled
        ? { bytes: this.#buffered, hangup: this.#buffered === 0 && (this.#ended || this.#broken) }
        : undefined;
    if (this.#broken || this.#finished) return { bytes: 0, hangup: true };
    return this.#writable ? { bytes: this.#sink.credit, hangup: false } : undefined;
  }

  /** Whether reading need not wait. */
  get #settled(): boolean {
    return this.#buffered > 0 || this.#ended || this.#broken;
  }

  get #writable(): boolean {
    return this.#sink.credit > 0 && !this.#sink.congested;
  }

  #requireWritable(): void {
    if (this.#broken) fail('connreset');
    if (this.#finished) fail('pipe');
  }

  *#receiveLater(into: Buffers, flags: number): Waiting<number> {
    if (this.nonblocking) {
      yield 0;
      this.#arrivals.letIn();
      return this.#settled ? this.#take(into, flags) : fail('again');
    }
    while (!this.#settled) {
      yield undefined;
      this.#arrivals.letIn();
    }
    let taken = this.#take(into, flags);
    if ((flags & riflag.waitall) === 0 || (flags & riflag.peek) !== 0) return taken;
    while (into.remaining > 0 && !this.#ended && !this.#broken) {
      yield undefined;
      if (this.#buffered > 0) taken += this.#take(into, flags);
    }
    return taken;
  }

  #take(into: Buffers, flags: number): number {
    if (this.#buffered === 0) return this.#ended ? 0 : fail('connreset');
    if ((flags & riflag.peek) !== 0) return this.#peek(into);
    let taken = 0;
    for (;;) {
      const chunk = this.#chunks[0];
      if (chunk === undefined || into.remaining === 0) break;
      const step = into.scatter(chunk);
      if (step === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(step);
      taken += step;
    }
    this.#buffered -= taken;
    this.#consumed(taken);
    return taken;
  }

  #peek(into: Buffers): number {
    let seen = 0;
    for (const chunk of this.#chunks) {
      if (into.remaining === 0) break;
      seen += into.scatter(chunk);
    }
    return seen;
  }

  #consumed(bytes: number): void {
    if (bytes > 0 && !this.#broken) this.#sink.grant(bytes);
  }

  *#sendSome(from: Buffers): Waiting<number> {
    yield 0;
    this.#arrivals.letIn();
    this.#requireWritable();
    return this.#writable ? this.#sendPiece(from) : fail('again');
  }

  /** As `send(2)` does: returns when all of it is taken. */
  *#sendRest(from: Buffers, wanted: number): Waiting<number> {
    while (from.remaining > 0 || this.#sink.congested) {
      if (this.#broken) {
        if (from.remaining === wanted) fail('connreset');
        break;
      }
      if (this.#writable) this.#sendPiece(from);
      else yield undefined;
    }
    return wanted - from.remaining;
  }

  #sendPiece(from: Buffers): number {
    const length = Math.min(from.remaining, this.#sink.credit, this.#sink.largest);
    this.#sink.send(length, (target) => {
      from.gather(target);
    });
    return length;
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#sink.end();
  }
}
