// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import type { OwnCertificate } from '@enarx/channel';
import type { Accepted, File } from '@enarx/protocol';
import type { DialRefusal, Network } from '@enarx/runtime';

import type { HostSockets } from './host-sockets.ts';
import { refusalOf } from './refusal.ts';
import { connectTls, TlsListener, trustContext } from './tls.ts';

type Listen = Extract<File, { readonly kind: 'listen' }>;
type Connect = Extract<File, { readonly kind: 'connect' }>;

/** Connections that wait until the program is there. */
const mostWaiting = 128;

/** The sockets of a program, made before it starts: a program whose sockets cannot be had is not started. */
export class ProgramNetwork implements Network {
  readonly #sockets: HostSockets;
  readonly #certificate: OwnCertificate;
  readonly #connections = new Map<number, Duplex>();
  readonly #waiting = new Map<number, Duplex[]>();
  readonly #takers = new Map<number, (stream: Duplex) => void>();
  readonly #listening: NonNullable<Accepted['listening']> = [];
  readonly #files: readonly File[];
  /** The last dial for each descriptor: the host is asked for one connection after another, since it names them by descriptor. */
  readonly #dialling = new Map<number, Promise<unknown>>();

  /**
   * Listens and connects.
   * @throws EnarxError `network/…`, `wasmldr/host-gone`; nothing is open then
   */
  static async open(
    files: readonly File[],
    sockets: HostSockets,
    certificate: OwnCertificate,
  ): Promise<ProgramNetwork> {
    const network = new ProgramNetwork(files, sockets, certificate);
    try {
      await Promise.all(
        files.map(async (file, number) => {
          if (file.kind === 'listen') await network.#listen(number, file);
          else if (file.kind === 'connect')
            network.#connections.set(number, await network.#connect(number, file));
        }),
      );
    } catch (error) {
      network.destroy();
      throw error;
    }
    return network;
  }

  private constructor(files: readonly File[], sockets: HostSockets, certificate: OwnCertificate) {
    this.#files = files;
    this.#sockets = sockets;
    this.#certificate = certificate;
  }

  /** Where the host says that it listens, by descriptor. */
  get whereItListens(): Accepted['listening'] {
    if (this.#listening.length === 0) return undefined;
    return this.#listening.toSorted((one, other) => one.file - other.file);
  }

  accept(listener: number, connected: (stream: Duplex) => void): void {
    this.#takers.set(listener, connected);
    for (const stream of this.#waiting.get(listener)?.splice(0) ?? []) connected(stream);
  }

  connection(number: number): Duplex {
    return this.#connections.get(number) as Duplex;
  }

  listening(number: number): { readonly address: string; readonly port: number } | undefined {
    const found = this.#listening.find(({ file }) => file === number);
    return found === undefined ? undefined : { address: found.address, port: found.port };
  }

  async dial(number: number): Promise<Duplex | DialRefusal> {
    const file = this.#files[number];
    if (file?.kind !== 'connect') return 'not-allowed';
    try {
      const stream = await this.#connect(number, file);
      stream.on('error', () => undefined);
      return stream;
    } catch (error) {
      return refusalOf(error);
    }
  }

  close(listener: number): void {
    this.#sockets.close(listener);
    this.#takers.delete(listener);
    for (const stream of this.#waiting.get(listener)?.splice(0) ?? []) stream.destroy();
    this.#waiting.delete(listener);
  }

  /** For a program that will not come. */
  destroy(): void {
    for (const listener of [...this.#waiting.keys()]) this.close(listener);
    for (const stream of this.#connections.values()) stream.destroy();
  }

  async #listen(number: number, file: Listen): Promise<void> {
    this.#waiting.set(number, []);
    const arrived = (stream: Duplex): void => {
      this.#arrive(number, stream);
    };
    let accept = arrived;
    if (file.prot === 'tls') {
      const tls = new TlsListener(this.#certificate, file.clients, arrived);
      accept = (stream) => {
        tls.accept(stream);
      };
    }
    const { address, port } = await this.#sockets.listen(number, file, accept);
    this.#listening.push({ file: number, address, port });
  }

  async #connect(number: number, file: Connect): Promise<Duplex> {
    // Certificates that are none are told of before anybody is called.
    const context =
      file.prot === 'tls' ? trustContext({ trust: file.trust, certificate: this.#certificate }) : undefined;
    const stream = await this.#dial(number, file);
    return context === undefined ? stream : connectTls(stream, file.host, context);
  }

  #dial(number: number, { host, port }: Connect): Promise<Duplex> {
    const before = this.#dialling.get(number) ?? Promise.resolve();
    const dialling = before.then(() => this.#sockets.dial(number, host, port));
    this.#dialling.set(
      number,
      dialling.catch(() => undefined),
    );
    return dialling;
  }

  #arrive(number: number, stream: Duplex): void {
    const taker = this.#takers.get(number);
    const waiting = this.#waiting.get(number);
    stream.on('error', () => undefined);
    if (taker !== undefined) taker(stream);
    else if (waiting !== undefined && waiting.length < mostWaiting) waiting.push(stream);
    else stream.destroy();
  }
}
