// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { relay } from '@enarx/keepldr/relay';

import type { Limits } from '../limits.ts';
import { keepmgrProblem } from '../problems.ts';

/** More bytes than a connection carries on which nobody has finished a TLS handshake, fewer than one that did. */
const handshakeBytes = 2048;

interface Channel {
  active: number;
  bytes: number;
  destroy(): void;
}

interface Opening {
  accept(socket: Socket): void;
  refuse(error: Error): void;
}

/** The connections between clients and one Keep: opened by its loader on request, counted, and carried unread. */
export class Channels {
  readonly #limits: Limits;
  readonly #isClaimed: () => boolean;
  readonly #open = new Set<Channel>();
  readonly #opening = new Map<number, Opening>();
  #lastStream = 0;

  /** @param isClaimed - whether somebody owns the Keep by now */
  constructor(limits: Limits, isClaimed: () => boolean) {
    this.#limits = limits;
    this.#isClaimed = isClaimed;
  }

  /**
   * Has the loader open a connection to the guest.
   *
   * @param ask - passes the number of the stream to the loader
   * @throws EnarxError `keep/channels-full`, `keep/channel-failed`
   */
  async open(ask: (stream: number) => void): Promise<Socket> {
    if (this.#open.size + this.#opening.size >= this.#limits.channelsPerKeep) this.#makeRoom();
    const stream = (this.#lastStream += 1);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Socket>((accept, refuse) => {
        this.#opening.set(stream, { accept, refuse });
        timer = setTimeout(() => {
          refuse(keepmgrProblem('keep/channel-failed', { found: 'nothing came from its loader in time' }));
        }, this.#limits.openWait);
        ask(stream);
      });
    } finally {
      clearTimeout(timer);
      this.#opening.delete(stream);
    }
  }

  /** A relay connection of the loader's. Answers whether it was waited for. */
  accept(stream: number, socket: Socket): boolean {
    const opening = this.#opening.get(stream);
    if (opening === undefined) return false;
    this.#opening.delete(stream);
    opening.accept(socket);
    return true;
  }

  /** The loader says that it has no connection to give, so nobody need wait for it. */
  failed(stream: number | undefined): void {
    if (stream === undefined) return;
    const found = 'its loader has no connection to it';
    this.#opening.get(stream)?.refuse(keepmgrProblem('keep/channel-failed', { found }));
  }

  /** Carries bytes between client and loader until both are done. Never rejects. */
  async carry(client: Duplex, loader: Socket): Promise<void> {
    const channel: Channel = {
      active: performance.now(),
      bytes: 0,
      destroy: () => {
        client.destroy();
        loader.destroy();
      },
    };
    this.#open.add(channel);
    const touch = ({ length }: Uint8Array): void => {
      channel.active = performance.now();
      channel.bytes += length;
    };
    client.on('data', touch);
    loader.on('data', touch);
    await relay(client, loader);
    this.#open.delete(channel);
  }

  /** The Keep is no more: whoever waits is told, and what is open is left to end by itself or cut. */
  refuseAll(): void {
    for (const opening of this.#opening.values()) opening.refuse(keepmgrProblem('keep/ended'));
  }

  destroyAll(): void {
    this.refuseAll();
    for (const channel of this.#open) channel.destroy();
  }

  /**
   * Silent connections must not keep the owner out, so they give way to others. Once somebody owns the Keep, one that has got
   * through a handshake may be the owner's, whose program may be silent for long: it stays, or any stranger could end the program.
   * Strangers' own handshakes last no longer for that; the guest cuts off whoever asks for nothing within its time.
   */
  #makeRoom(): void {
    const claimed = this.#isClaimed();
    const [idlest] = [...this.#open]
      .filter(({ bytes }) => !claimed || bytes <= handshakeBytes)
      .sort((one, other) => one.active - other.active);
    if (idlest === undefined || performance.now() - idlest.active < this.#limits.channelIdle)
      throw keepmgrProblem('keep/channels-full', {
        expected: `at most ${String(this.#limits.channelsPerKeep)}`,
      });
    this.#open.delete(idlest);
    idlest.destroy();
  }
}
