// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import type { GuestListening } from '@enarx/protocol';

import type { Device } from '../device.ts';
import { readSocketNumber } from './first-frame.ts';
import { networkProblem } from './problems.ts';

/** Milliseconds: for a connection to say what it is for, and for a host to connect. */
const longestHello = 5000;
const longestDial = 30_000;
/** Connections that have not said what they are for. */
const mostStrangers = 256;

type Connected = (stream: Duplex) => void;

/** Sockets that the host opens for the program. The host is hostile: what it hands over is somebody's bytes and no more. */
export class HostSockets {
  readonly #device: Device;
  readonly #listeners = new Map<number, Connected>();
  readonly #dials = new Map<number, Connected>();
  #strangers = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  /** A connection from the host for one of the program's sockets. */
  accept(stream: Duplex): void {
    stream.on('error', () => undefined);
    if (this.#strangers >= mostStrangers) {
      stream.destroy();
      return;
    }
    this.#strangers += 1;
    void readSocketNumber(stream, longestHello).then((number) => {
      this.#strangers -= 1;
      if (number === undefined) return;
      const connected = this.#dials.get(number) ?? this.#listeners.get(number);
      this.#dials.delete(number);
      if (connected === undefined) stream.destroy();
      else connected(stream);
    });
  }

  /**
   * Has the host listen, and hands over what comes.
   * @returns where, as the host says
   * @throws EnarxError `network/not-allowed`, `network/listen-failed`, `wasmldr/host-gone`
   */
  async listen(
    number: number,
    at: { readonly address?: string | undefined; readonly port: number },
    connected: Connected,
  ): Promise<GuestListening> {
    this.#listeners.set(number, connected);
    const { address, port } = at;
    return this.#device.listen({ number, port, ...(address === undefined ? {} : { address }) });
  }

  /** @throws EnarxError `network/not-allowed`, `network/dial-failed`, `wasmldr/host-gone` */
  async dial(number: number, host: string, port: number): Promise<Duplex> {
    const connection = Promise.withResolvers<Duplex>();
    this.#dials.set(number, (stream) => {
      this.#device.dialled(number);
      connection.resolve(stream);
    });
    const timer = setTimeout(() => {
      connection.reject(networkProblem('network/dial-failed', { found: `${host}: no answer of the host` }));
    }, longestDial);
    try {
      const refused = this.#device.dial({ number, host, port });
      return await Promise.race([connection.promise, refused]);
    } finally {
      clearTimeout(timer);
      this.#dials.delete(number);
    }
  }

  close(number: number): void {
    if (this.#listeners.delete(number)) this.#device.closeListener(number);
  }
}
