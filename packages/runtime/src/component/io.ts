// SPDX-License-Identifier: Apache-2.0
//
// wasi:io 0.2: streams over descriptors, and waiting for them.
import type { ComponentImport } from './bundle.ts';
import { clockId, now } from '../wasi/clocks.ts';
import type { Descriptor, Direction, Readiness } from '../wasi/descriptor.ts';
import { WasiError } from '../wasi/errno.ts';
import { FlatBuffer } from '../wasi/io-vectors.ts';
import type { Waiting } from '../wasi/waiting.ts';
import { HostTrap, listLength, ResultError, type ComponentHost, type Interface } from './host.ts';

/** Bytes that a stream takes at once: as much as one frame to the supervisor holds, less the number of a socket. */
const largestWrite = 65_532;
const nanosecondsPerMillisecond = 1_000_000n;

type StreamError =
  { readonly tag: 'closed' } | { readonly tag: 'last-operation-failed'; readonly val: IoError };

/** Resource `error`: why a stream failed. */
export class IoError {
  readonly cause: WasiError;

  constructor(cause: WasiError) {
    this.cause = cause;
  }

  toDebugString(): string {
    return this.cause.message;
  }
}

/** Resource `pollable`. */
export class Pollable {
  readonly #host: ComponentHost;
  /** Milliseconds until it may be ready, 0 when it is, `undefined` when something else has to happen first. */
  readonly pause: () => number | undefined;

  constructor(host: ComponentHost, pause: () => number | undefined) {
    this.#host = host;
    this.pause = pause;
  }

  /** Lets in what has arrived, or a component that asks again and again would never see any. */
  async ready(): Promise<boolean> {
    if (this.pause() === 0) return true;
    await this.#host.wait(turn());
    return this.pause() === 0;
  }

  async block(): Promise<void> {
    await this.#host.wait(until(this.pause));
  }
}

/** Ready at a time of the monotonic clock, in nanoseconds. */
export function pollableAt(host: ComponentHost, due: bigint): Pollable {
  return new Pollable(host, () => {
    const left = due - now(clockId.monotonic);
    return left <= 0n ? 0 : Number((left + nanosecondsPerMillisecond - 1n) / nanosecondsPerMillisecond);
  });
}

function pollableOn(host: ComponentHost, descriptor: Descriptor, direction: Direction): Pollable {
  return new Pollable(host, () => (look(descriptor, direction) === undefined ? undefined : 0));
}

/** What a descriptor says that cannot be polled counts as ready: the operation itself then tells what is wrong. */
function look(descriptor: Descriptor, direction: Direction): Readiness | undefined {
  try {
    return descriptor.readiness(direction);
  } catch (error) {
    if (error instanceof WasiError) return { bytes: 0, hangup: true };
    throw error;
  }
}

/** Where a stream of a component gets its bytes. */
export interface Source {
  /** Reads what is there. @returns no bytes where none are there yet, `undefined` at the end */
  read(most: number): Uint8Array | undefined;
  subscribe(): Pollable;
  /** The stream was dropped. */
  close?(): void;
}

/** Where a stream of a component puts its bytes. */
export interface Sink {
  /** Bytes that can be written now, or `undefined` when nothing will be taken any more. */
  readonly room: number | undefined;
  write(bytes: Uint8Array): void;
  /** Waits until all is taken that was written, if that is not so yet. */
  flush(): Waiting<number> | undefined;
  subscribe(): Pollable;
  /** The stream was dropped. */
  close?(): void;
}

export class DescriptorSource implements Source {
  readonly #host: ComponentHost;
  readonly #descriptor: Descriptor;

  constructor(host: ComponentHost, descriptor: Descriptor) {
    this.#host = host;
    this.#descriptor = descriptor;
  }

  read(most: number): Uint8Array | undefined {
    const readiness = look(this.#descriptor, 'read');
    if (readiness === undefined) return new Uint8Array(0);
    const buffer = new FlatBuffer(new Uint8Array(Math.max(1, Math.min(most, readiness.bytes))));
    // Something is there, so that it comes at once: bytes, the end, or that the other side has broken it off, which nobody is to take for the end.
    const count = this.#descriptor.read(buffer) as number;
    return count === 0 ? undefined : buffer.bytes.subarray(0, count);
  }

  subscribe(): Pollable {
    return pollableOn(this.#host, this.#descriptor, 'read');
  }
}

export class DescriptorSink implements Sink {
  readonly #host: ComponentHost;
  readonly #descriptor: Descriptor;
  #flushing: Waiting<number> | undefined;

  constructor(host: ComponentHost, descriptor: Descriptor) {
    this.#host = host;
    this.#descriptor = descriptor;
  }

  get room(): number | undefined {
    const readiness = look(this.#descriptor, 'write');
    if (readiness === undefined) return 0;
    if (readiness.hangup) return undefined;
    return Math.min(readiness.bytes === 0 ? largestWrite : readiness.bytes, largestWrite);
  }

  write(bytes: Uint8Array): void {
    const pending = this.#descriptor.write(new FlatBuffer(bytes));
    if (typeof pending === 'number') return;
    // It is sent with the first step; what is left to wait for is that the operating system takes it.
    if (pending.next().done !== true) this.#flushing = pending;
  }

  flush(): Waiting<number> | undefined {
    const flushing = this.#flushing;
    this.#flushing = undefined;
    return flushing;
  }

  subscribe(): Pollable {
    return pollableOn(this.#host, this.#descriptor, 'write');
  }
}

/** Resource `input-stream`. */
export class InputStream {
  readonly #host: ComponentHost;
  readonly #source: Source;

  constructor(host: ComponentHost, source: Source) {
    this.#host = host;
    this.#source = source;
  }

  [Symbol.dispose](): void {
    this.#source.close?.();
  }

  async read(length: bigint): Promise<Uint8Array> {
    const bytes = this.#take(length);
    if (bytes.length > 0 || length === 0n) return bytes;
    await this.#host.wait(turn());
    return this.#take(length);
  }

  async blockingRead(length: bigint): Promise<Uint8Array> {
    for (;;) {
      const bytes = this.#take(length);
      if (bytes.length > 0 || length === 0n) return bytes;
      await this.#source.subscribe().block();
    }
  }

  async skip(length: bigint): Promise<bigint> {
    return BigInt((await this.read(length)).length);
  }

  async blockingSkip(length: bigint): Promise<bigint> {
    return BigInt((await this.blockingRead(length)).length);
  }

  /** What is there, what to wait for where nothing is, or `undefined` at the end. @throws WasiError */
  takeNow(most: number): Uint8Array | Pollable | undefined {
    const bytes = this.#source.read(most);
    return bytes?.length === 0 ? this.#source.subscribe() : bytes;
  }

  subscribe(): Pollable {
    return this.#source.subscribe();
  }

  #take(length: bigint): Uint8Array {
    if (length === 0n) return new Uint8Array(0);
    const bytes = guarded(() => this.#source.read(listLength(length)));
    if (bytes === undefined) throw new ResultError<StreamError>({ tag: 'closed' });
    return bytes;
  }
}

/** Resource `output-stream`. */
export class OutputStream {
  readonly #host: ComponentHost;
  readonly #sink: Sink;
  /** Bytes that the last `check-write` allowed and that were not written since. */
  #allowed = 0;
  #failed: StreamError | undefined;

  constructor(host: ComponentHost, sink: Sink) {
    this.#host = host;
    this.#sink = sink;
  }

  [Symbol.dispose](): void {
    this.#sink.close?.();
  }

  async checkWrite(): Promise<bigint> {
    if (this.#room() === 0) await this.#host.wait(turn());
    this.#allowed = this.#room();
    return BigInt(this.#allowed);
  }

  write(contents: Uint8Array): void {
    if (contents.length > this.#allowed)
      throw new HostTrap(
        `a write of ${String(contents.length)} bytes where ${String(this.#allowed)} were allowed`,
      );
    this.#allowed -= contents.length;
    this.#put(contents);
  }

  async blockingWriteAndFlush(contents: Uint8Array): Promise<void> {
    for (let at = 0; at < contents.length;) {
      const room = this.#room();
      if (room === 0) {
        await this.#sink.subscribe().block();
        continue;
      }
      const piece = contents.subarray(at, at + room);
      this.#put(piece);
      at += piece.length;
    }
    await this.blockingFlush();
  }

  /** Nothing is held back that a flush could push on. */
  flush(): void {
    this.#room();
  }

  async blockingFlush(): Promise<void> {
    const flushing = this.#sink.flush();
    if (flushing !== undefined) await this.#host.wait(flushing);
    this.#room();
  }

  subscribe(): Pollable {
    return this.#sink.subscribe();
  }

  writeZeroes(length: bigint): void {
    if (length > BigInt(this.#allowed))
      throw new HostTrap(`a write of ${String(length)} zeros where ${String(this.#allowed)} were allowed`);
    this.write(new Uint8Array(Number(length)));
  }

  async blockingWriteZeroesAndFlush(length: bigint): Promise<void> {
    for (let left = length; left > 0n; left -= BigInt(listLength(left)))
      await this.blockingWriteAndFlush(new Uint8Array(listLength(left)));
  }

  async splice(source: InputStream, length: bigint): Promise<bigint> {
    const room = await this.checkWrite();
    const bytes = await source.read(length < room ? length : room);
    this.write(bytes);
    return BigInt(bytes.length);
  }

  async blockingSplice(source: InputStream, length: bigint): Promise<bigint> {
    await this.#host.wait(until(this.#sink.subscribe().pause));
    const room = await this.checkWrite();
    const bytes = await source.blockingRead(length < room ? length : room);
    this.write(bytes);
    return BigInt(bytes.length);
  }

  #room(): number {
    if (this.#failed !== undefined) throw new ResultError<StreamError>({ tag: 'closed' });
    const { room } = this.#sink;
    if (room === undefined) throw new ResultError<StreamError>({ tag: 'closed' });
    return room;
  }

  #put(contents: Uint8Array): void {
    if (contents.length === 0) return;
    try {
      guarded(() => {
        this.#sink.write(contents);
      });
    } catch (error) {
      // After a failure a stream is closed for good.
      if (error instanceof ResultError) this.#failed = error.payload as StreamError;
      throw error;
    }
  }
}

/** Function `poll`: the places of those that are ready, at least one. */
async function poll(host: ComponentHost, pollables: readonly Pollable[]): Promise<Uint32Array> {
  if (pollables.length === 0) throw new HostTrap('a poll on nothing');
  const ready = (): number[] => pollables.flatMap(({ pause }, index) => (pause() === 0 ? [index] : []));
  let found = ready();
  if (found.length > 0) await host.wait(turn());
  await host.wait(
    until(() => {
      found = ready();
      if (found.length > 0) return 0;
      const pauses = pollables.map(({ pause }) => pause()).filter((pause) => pause !== undefined);
      return pauses.length === 0 ? undefined : Math.max(1, Math.min(...pauses));
    }),
  );
  return Uint32Array.from(found);
}

function* until(pause: () => number | undefined): Waiting<number> {
  for (let left = pause(); left !== 0; left = pause()) yield left;
  return 0;
}

export function* turn(): Waiting<number> {
  yield 0;
  return 0;
}

function guarded<T>(operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (error instanceof WasiError)
      throw new ResultError<StreamError>({ tag: 'last-operation-failed', val: new IoError(error) });
    throw error;
  }
}

export function ioInterfaces(host: ComponentHost) {
  return {
    'wasi:io/error': { Error: IoError },
    'wasi:io/poll': { Pollable, poll: (pollables: readonly Pollable[]) => poll(host, pollables) },
    'wasi:io/streams': { InputStream, OutputStream },
  } satisfies Partial<Record<ComponentImport, Interface>>;
}
