// SPDX-License-Identifier: Apache-2.0
//
// wasi:sockets 0.3 over those of WASI 0.2: a component may listen and connect where its list of descriptors says so, and nowhere else. A Keep has no datagrams.
import { ipAddress, type Family, type IpAddress, type SocketAddress } from '../addresses.ts';
import { Absent, ResultError, type ComponentHost } from '../host.ts';
import { Pollable, type InputStream, type OutputStream } from '../io.ts';
import { resolve } from '../sockets.ts';
import { TcpSocket as TcpSocket02 } from '../tcp.ts';
import type { Interfaces03 } from './imports.ts';
import {
  bytesOf,
  failed,
  failureOf,
  HostStream,
  type ComponentStream,
  type Incoming,
  type Outcome,
  type Outgoing,
} from './streams.ts';

interface ErrorCode {
  readonly tag: string;
  readonly val?: string;
}
/** What a connected socket has that nobody has asked for yet. */
interface Halves {
  input: InputStream | undefined;
  output: OutputStream | undefined;
}
type Streams = readonly [input: InputStream, output: OutputStream];

/** What all sockets of a component have in common. */
interface Context {
  readonly host: ComponentHost;
  readonly outgoing: Outgoing;
  /** Makes the resource, of the class that the generated code knows. */
  readonly make: (below: TcpSocket02, streams: Streams) => TcpSocket;
}

/** Codes of WASI 0.2 that are none here. */
const others = new Set(['new-socket-limit', 'unknown', 'not-in-progress']);
/** Milliseconds after which it is looked again whether there is room for a connection. */
const nextLook = 50;
const invalidState: ErrorCode = { tag: 'invalid-state' };

function caseOf(name: string): ErrorCode {
  return others.has(name) ? { tag: 'other', val: name } : { tag: name };
}

function call<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ResultError) throw new ResultError(caseOf(error.payload as string));
    throw error;
  }
}

function codeOf(error: unknown): ErrorCode {
  const failure = failureOf(error);
  return { tag: failure?.message === 'connreset' ? 'connection-reset' : 'connection-broken' };
}

/** Resource `tcp-socket`. */
export class TcpSocket {
  readonly #below: TcpSocket02;
  readonly #context: Context;
  #halves: Halves = { input: undefined, output: undefined };
  /** The resource, and each stream that leads on where it is dropped before. */
  #users = 1;

  constructor(context: Context, below: TcpSocket02, streams?: Streams) {
    this.#context = context;
    this.#below = below;
    if (streams !== undefined) this.#connected(streams);
  }

  [Symbol.dispose](): void {
    this.#leave();
  }

  bind(address: SocketAddress): void {
    call(() => {
      this.#below.startBind(undefined, address);
      this.#below.finishBind();
    });
  }

  async connect(address: SocketAddress): Promise<void> {
    call(() => {
      this.#below.startConnect(undefined, address);
    });
    const dialled = this.#below.subscribe();
    while (dialled.pause() !== 0) await dialled.block();
    try {
      this.#connected(await this.#below.finishConnect());
    } catch (error) {
      call(() => {
        throw error;
      });
    }
  }

  listen(): AsyncIterableIterator<TcpSocket> {
    return call(() => {
      this.#below.startListen();
      this.#below.finishListen();
      const acceptable = this.#acceptable();
      this.#users += 1;
      return new HostStream(
        () => (acceptable.pause() === 0 ? this.#accept() : acceptable),
        () => {
          this.#leave();
        },
        codeOf,
      );
    });
  }

  send(data: ComponentStream): Promise<Outcome<ErrorCode>> {
    const { output } = this.#halves;
    if (output === undefined) {
      data[Symbol.dispose]();
      return Promise.resolve({ tag: 'err', val: invalidState });
    }
    this.#halves.output = undefined;
    return this.#until(this.#context.outgoing.write(data, output, codeOf), 'send');
  }

  receive(): Incoming<Uint8Array, ErrorCode> {
    const { input } = this.#halves;
    if (input === undefined) return failed(invalidState);
    this.#halves.input = undefined;
    const [stream, ended] = bytesOf(input, codeOf);
    return [stream, this.#until(ended, 'receive')];
  }

  getLocalAddress(): object {
    return call(() => this.#below.localAddress());
  }

  getRemoteAddress(): object {
    return call(() => this.#below.remoteAddress());
  }

  getIsListening(): boolean {
    return this.#below.isListening();
  }

  getAddressFamily(): Family {
    return this.#below.addressFamily();
  }

  setListenBacklogSize(value: bigint): void {
    call(() => {
      this.#below.setListenBacklogSize(value);
    });
  }

  getKeepAliveEnabled(): boolean {
    return this.#below.keepAliveEnabled();
  }

  setKeepAliveEnabled(enabled: boolean): void {
    this.#below.setKeepAliveEnabled(enabled);
  }

  getKeepAliveIdleTime(): bigint {
    return this.#below.keepAliveIdleTime();
  }

  setKeepAliveIdleTime(idleTime: bigint): void {
    call(() => {
      this.#below.setKeepAliveIdleTime(idleTime);
    });
  }

  getKeepAliveInterval(): bigint {
    return this.#below.keepAliveInterval();
  }

  setKeepAliveInterval(interval: bigint): void {
    call(() => {
      this.#below.setKeepAliveInterval(interval);
    });
  }

  getKeepAliveCount(): number {
    return this.#below.keepAliveCount();
  }

  setKeepAliveCount(count: number): void {
    call(() => {
      this.#below.setKeepAliveCount(count);
    });
  }

  getHopLimit(): number {
    return this.#below.hopLimit();
  }

  setHopLimit(value: number): void {
    call(() => {
      this.#below.setHopLimit(value);
    });
  }

  getReceiveBufferSize(): bigint {
    return this.#below.receiveBufferSize();
  }

  setReceiveBufferSize(value: bigint): void {
    call(() => {
      this.#below.setReceiveBufferSize(value);
    });
  }

  getSendBufferSize(): bigint {
    return this.#below.sendBufferSize();
  }

  setSendBufferSize(value: bigint): void {
    call(() => {
      this.#below.setSendBufferSize(value);
    });
  }

  /** Whether a connection has come and there is room for it: those that come while there is none wait, rather than end the stream. */
  #acceptable(): Pollable {
    const { host } = this.#context;
    const arrived = this.#below.subscribe();
    return new Pollable(host, () => {
      if (arrived.pause() !== 0) return undefined;
      return host.descriptors.hasRoom ? 0 : nextLook;
    });
  }

  async #accept(): Promise<TcpSocket> {
    const [socket, ...streams] = await this.#below.accept();
    return this.#context.make(socket, streams);
  }

  #connected([input, output]: Streams): void {
    this.#halves = { input, output };
  }

  /** Shuts one direction down when its stream has ended. */
  async #until<T>(end: Promise<T>, how: 'send' | 'receive'): Promise<T> {
    this.#users += 1;
    try {
      return await end;
    } finally {
      this.#below.shutdown(how);
      this.#leave();
    }
  }

  #leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#below[Symbol.dispose]();
  }
}

export function socketInterfaces03(host: ComponentHost, outgoing: Outgoing): Interfaces03<'sockets'> {
  class Socket extends TcpSocket {
    static create(family: Family): Socket {
      return new Socket(context, new TcpSocket02(host, family));
    }
  }
  const context: Context = {
    host,
    outgoing,
    make: (below, streams) => new Socket(context, below, streams),
  };
  class UdpSocket extends Absent {
    static create(): never {
      throw new ResultError({ tag: 'not-supported' });
    }
  }
  return {
    'wasi:sockets/types@0.3.0': { TcpSocket: Socket, UdpSocket },
    'wasi:sockets/ip-name-lookup@0.3.0': {
      resolveAddresses: (name: string): IpAddress[] => call(() => resolve(host, name).map(ipAddress)),
    },
  };
}
