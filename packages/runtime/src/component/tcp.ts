// SPDX-License-Identifier: Apache-2.0
//
// wasi:sockets/tcp 0.2 over the sockets of the list of descriptors.
import type { DialRefusal } from '../runner-frames.ts';
import type { Connection } from '../wasi/connection.ts';
import { WasiError } from '../wasi/errno.ts';
import type { Listener } from '../wasi/listener.ts';
import { anyAddress, textOf, type Family, type SocketAddress } from './addresses.ts';
import { ResultError, type ComponentHost } from './host.ts';
import { DescriptorSink, DescriptorSource, InputStream, OutputStream, Pollable, turn } from './io.ts';
import type { Dialling, ListenFile } from './network.ts';

type State =
  | { readonly at: 'new' }
  | { readonly at: 'bound' | 'binding'; readonly file: ListenFile; readonly listener: Listener }
  | { readonly at: 'starting' | 'listening'; readonly file: ListenFile; readonly listener: Listener }
  | { readonly at: 'connecting'; readonly dialling: Dialling; readonly remote: SocketAddress }
  | { readonly at: 'connected'; readonly connection: Connection; readonly remote: SocketAddress | undefined }
  | { readonly at: 'closed' };

/** What is shown of options that the host's kernel has, and the program's sockets do not. */
const defaults = {
  hopLimit: 64,
  buffer: 262_144n,
  idleTime: 7_200_000_000_000n,
  interval: 75_000_000_000n,
  count: 9,
};
const send = 2;
const receive = 1;
const largestHopLimit = 255;

const refusals: Readonly<Record<DialRefusal, string>> = {
  'not-allowed': 'access-denied',
  'name-unknown': 'remote-unreachable',
  refused: 'connection-refused',
  unreachable: 'remote-unreachable',
  timeout: 'timeout',
  'tls-untrusted': 'connection-aborted',
  'tls-failed': 'connection-aborted',
  'too-many': 'new-socket-limit',
  failed: 'unknown',
};

function refuse(code: string): never {
  throw new ResultError(code);
}

/** Resource `tcp-socket`. */
export class TcpSocket {
  readonly #host: ComponentHost;
  readonly #family: Family;
  #state: State = { at: 'new' };
  #forget: (() => void) | undefined;
  /** Its number among the descriptors, which bound how many there are. */
  #number: number | undefined;
  #keepAlive = {
    enabled: false,
    idleTime: defaults.idleTime,
    interval: defaults.interval,
    count: defaults.count,
  };
  #hopLimit = defaults.hopLimit;
  #buffers = { receive: defaults.buffer, send: defaults.buffer };

  constructor(host: ComponentHost, family: Family, accepted?: Connection) {
    this.#host = host;
    this.#family = family;
    if (accepted !== undefined) this.#connect(accepted, undefined);
  }

  [Symbol.dispose](): void {
    const state = this.#state;
    this.#state = { at: 'closed' };
    this.#forget?.();
    if (state.at === 'connecting') {
      const { outcome } = state.dialling;
      state.dialling.cancel();
      if (outcome !== undefined && typeof outcome !== 'string') outcome.close();
    } else if (this.#number !== undefined) this.#host.descriptors.close(this.#number);
    else if ('listener' in state) state.listener.close();
  }

  startBind(_network: unknown, address: SocketAddress): void {
    this.#require('new');
    if (address.tag !== this.#family) refuse('invalid-argument');
    // The address is the host's, of which the program knows nothing: what counts is the port.
    const found = this.#host.network.listen(address.val.port) ?? refuse('access-denied');
    this.#number = this.#add(found.listener);
    this.#state = { at: 'binding', ...found };
    this.#forget = this.#host.onEnd(() => {
      found.listener.close();
    });
  }

  finishBind(): void {
    if (this.#state.at !== 'binding') refuse('not-in-progress');
    const { file, listener } = this.#state as Extract<State, { readonly listener: Listener }>;
    this.#state = { at: 'bound', file, listener };
  }

  startConnect(_network: unknown, address: SocketAddress): void {
    this.#require('new');
    if (
      address.tag !== this.#family ||
      address.val.port === 0 ||
      address.val.address.every((part) => part === 0)
    )
      refuse('invalid-argument');
    const file = this.#host.network.find(textOf(address), address.val.port) ?? refuse('access-denied');
    try {
      this.#host.descriptors.requireRoom();
    } catch {
      refuse('new-socket-limit');
    }
    const dialling = this.#host.network.dial(file, () => {
      this.#host.wake();
    });
    this.#state = { at: 'connecting', dialling, remote: address };
    this.#forget = this.#host.onEnd(() => {
      this[Symbol.dispose]();
    });
  }

  async finishConnect(): Promise<[InputStream, OutputStream]> {
    if (this.#state.at !== 'connecting') refuse('not-in-progress');
    if (this.#state.dialling.outcome === undefined) await this.#host.wait(turn());
    const { dialling, remote } = this.#state;
    const { outcome } = dialling;
    if (outcome === undefined) refuse('would-block');
    if (typeof outcome === 'string') {
      this.#state = { at: 'closed' };
      return refuse(refusals[outcome]);
    }
    this.#connect(outcome, remote);
    return this.#streams(outcome);
  }

  startListen(): void {
    if (this.#state.at !== 'bound') refuse('invalid-state');
    const { file, listener } = this.#state as Extract<State, { readonly listener: Listener }>;
    this.#state = { at: 'starting', file, listener };
  }

  finishListen(): void {
    if (this.#state.at !== 'starting') refuse('not-in-progress');
    const { file, listener } = this.#state as Extract<State, { readonly listener: Listener }>;
    this.#state = { at: 'listening', file, listener };
  }

  async accept(): Promise<[TcpSocket, InputStream, OutputStream]> {
    if (this.#state.at !== 'listening') refuse('invalid-state');
    const { listener } = this.#state as Extract<State, { readonly listener: Listener }>;
    try {
      this.#host.descriptors.requireRoom();
    } catch {
      refuse('new-socket-limit');
    }
    let connection = listener.take();
    if (connection === undefined) {
      await this.#host.wait(turn());
      connection = listener.take() ?? refuse('would-block');
    }
    const socket = new TcpSocket(this.#host, this.#family, connection);
    return [socket, ...socket.#streams(connection)];
  }

  localAddress(): object {
    const state = this.#state;
    if (state.at === 'connected') return anyAddress(this.#family, 0);
    if (!('file' in state) || state.at === 'binding') return refuse('invalid-state');
    return anyAddress(this.#family, state.file.bound?.port ?? state.file.port);
  }

  /** Of a connection that came in, the host says nothing that could be believed. */
  remoteAddress(): object {
    if (this.#state.at !== 'connected') refuse('invalid-state');
    return this.#state.remote ?? anyAddress(this.#family, 0);
  }

  isListening(): boolean {
    return this.#state.at === 'listening';
  }

  addressFamily(): Family {
    return this.#family;
  }

  setListenBacklogSize(value: bigint): void {
    if (value === 0n) refuse('invalid-argument');
    if (this.#state.at === 'connecting' || this.#state.at === 'connected') refuse('invalid-state');
  }

  keepAliveEnabled(): boolean {
    return this.#keepAlive.enabled;
  }

  setKeepAliveEnabled(enabled: boolean): void {
    this.#keepAlive.enabled = enabled;
  }

  keepAliveIdleTime(): bigint {
    return this.#keepAlive.idleTime;
  }

  setKeepAliveIdleTime(idleTime: bigint): void {
    this.#keepAlive.idleTime = positive(idleTime);
  }

  keepAliveInterval(): bigint {
    return this.#keepAlive.interval;
  }

  setKeepAliveInterval(interval: bigint): void {
    this.#keepAlive.interval = positive(interval);
  }

  keepAliveCount(): number {
    return this.#keepAlive.count;
  }

  setKeepAliveCount(count: number): void {
    this.#keepAlive.count = positive(count);
  }

  hopLimit(): number {
    return this.#hopLimit;
  }

  setHopLimit(value: number): void {
    this.#hopLimit = Math.min(positive(value), largestHopLimit);
  }

  receiveBufferSize(): bigint {
    return this.#buffers.receive;
  }

  setReceiveBufferSize(value: bigint): void {
    this.#buffers.receive = positive(value);
  }

  sendBufferSize(): bigint {
    return this.#buffers.send;
  }

  setSendBufferSize(value: bigint): void {
    this.#buffers.send = positive(value);
  }

  subscribe(): Pollable {
    return new Pollable(this.#host, () => {
      const state = this.#state;
      if (state.at === 'connecting') return state.dialling.outcome === undefined ? undefined : 0;
      if (state.at === 'listening') return state.listener.readiness('read') === undefined ? undefined : 0;
      return 0;
    });
  }

  shutdown(how: 'receive' | 'send' | 'both'): void {
    if (this.#state.at !== 'connected') refuse('invalid-state');
    try {
      this.#state.connection.shutdown((how === 'send' ? 0 : receive) | (how === 'receive' ? 0 : send));
    } catch (error) {
      // The other end has broken it off: there is nothing left to shut down.
      if (!(error instanceof WasiError)) throw error;
    }
  }

  #require(at: State['at']): void {
    if (this.#state.at !== at) refuse('invalid-state');
  }

  #connect(connection: Connection, remote: SocketAddress | undefined): void {
    this.#forget?.();
    this.#number = this.#add(connection);
    this.#state = { at: 'connected', connection, remote };
    this.#forget = this.#host.onEnd(() => {
      connection.close();
    });
  }

  #add(descriptor: Connection | Listener): number {
    try {
      return this.#host.descriptors.add(descriptor);
    } catch (error) {
      if (!(error instanceof WasiError)) throw error;
      descriptor.close();
      return refuse('new-socket-limit');
    }
  }

  #streams(connection: Connection): [InputStream, OutputStream] {
    return [
      new InputStream(this.#host, new DescriptorSource(this.#host, connection)),
      new OutputStream(this.#host, new DescriptorSink(this.#host, connection)),
    ];
  }
}

function positive<T extends bigint | number>(value: T): T {
  return value <= 0 ? refuse('invalid-argument') : value;
}
