// SPDX-License-Identifier: Apache-2.0
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { connect, createServer, isIP, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import {
  encodeFrameHead,
  encodeMessage,
  guestConnection,
  type GuestDial,
  type GuestListen,
  type GuestListening,
  type SocketRefusal,
} from '@enarx/protocol';

import { relay } from '../relay.ts';
import { isPublicAddress, listenAddress, mayDial, type SocketRules } from './rules.ts';

/** Milliseconds. */
const longestConnecting = 10_000;
/** Sockets that one guest may have asked for, and connections that may be relayed at once. */
const mostSockets = 64;
const mostRelays = 1024;
const connectionKind = 0;
/**
 * Milliseconds that a connection which the guest has ended may be without a byte. Whether the guest would still read it cannot be seen from here; without this,
 * whoever leaves his end open and says nothing keeps one of the relays for good.
 */
const longestHalfOpen = 120_000;

/** Why the host does not open a socket. */
export class SocketRefused extends Error {
  readonly reason: SocketRefusal;

  constructor(reason: SocketRefusal) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * The host's sockets for the program of one guest: listens and connects where the operator's rules allow it, and relays bytes that it does not read. The guest is
 * hostile to the host's network, and the network to the host.
 */
export class GuestSockets {
  readonly #rules: SocketRules;
  readonly #longestHalfOpen: number;
  readonly #servers = new Map<number, Server>();
  readonly #used = new Set<number>();
  /** Descriptors for which a connection is on its way. */
  readonly #dialling = new Set<number>();
  readonly #relays = new Set<Promise<void>>();
  #connectToGuest: () => Duplex = () => {
    throw new Error('no guest');
  };
  #over = false;

  constructor(rules: SocketRules, halfOpen = longestHalfOpen) {
    this.#rules = rules;
    this.#longestHalfOpen = halfOpen;
  }

  /** @param connect - makes a new connection to the guest, for a socket of its program */
  attach(connect: () => Duplex): void {
    this.#connectToGuest = connect;
  }

  /** @throws SocketRefused */
  async listen({ number, address, port }: GuestListen): Promise<GuestListening> {
    const host = listenAddress(this.#rules.listen, { address, port });
    if (host === undefined) throw new SocketRefused('not-allowed');
    this.#take(number);
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#carry(number, socket);
    });
    this.#servers.set(number, server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        this.#servers.delete(number);
        reject(refusal(error));
      });
      server.listen({ host, port, exclusive: true }, resolve);
    });
    if (this.#over) server.close();
    // The kernel says no to a single connection that it cannot give; the others go on.
    server.on('error', () => undefined);
    const bound = server.address() as { readonly address: string; readonly port: number };
    return { number, address: bound.address, port: bound.port };
  }

  /** Resolves when there is a connection and the guest has it. @throws SocketRefused */
  async dial({ number, host, port }: GuestDial): Promise<void> {
    const where = mayDial(this.#rules.dial, { host, port });
    if (where === undefined) throw new SocketRefused('not-allowed');
    this.#takeForDialling(number);
    try {
      const addresses = await resolveName(host, where);
      let failed: SocketRefused | undefined;
      for (const address of addresses) {
        try {
          this.#carry(number, await connected(address, port));
          return;
        } catch (error) {
          failed = refusal(error as Error);
        }
      }
      throw failed ?? new SocketRefused('name-unknown');
    } finally {
      this.#dialling.delete(number);
    }
  }

  /** The program has closed its listener. */
  close(number: number): void {
    this.#servers.get(number)?.close();
    this.#servers.delete(number);
  }

  /** The guest has gone: nothing new is taken. Resolves when what was on its way is through. */
  async drained(): Promise<void> {
    this.#over = true;
    for (const server of this.#servers.values()) server.close();
    this.#servers.clear();
    await Promise.all(this.#relays);
  }

  /** What a component connects to it may connect to again, one after the other. */
  #takeForDialling(number: number): void {
    if (this.#dialling.has(number) || this.#servers.has(number)) throw new SocketRefused('too-many');
    if (this.#over || !this.#used.has(number)) this.#take(number);
    this.#dialling.add(number);
  }

  /** Every descriptor of a program is one socket. */
  #take(number: number): void {
    if (this.#over || this.#used.has(number) || this.#used.size >= mostSockets)
      throw new SocketRefused('too-many');
    this.#used.add(number);
  }

  #carry(number: number, socket: Socket): void {
    socket.on('error', () => undefined);
    let guest: Duplex;
    try {
      if (this.#over || this.#relays.size >= mostRelays) throw new Error('no room');
      guest = this.#connectToGuest();
    } catch {
      // As a kernel tells whoever connects to a port that nobody serves.
      socket.resetAndDestroy();
      return;
    }
    const payload = encodeMessage(guestConnection, { number });
    guest.write(encodeFrameHead(connectionKind, payload.length));
    guest.write(payload);
    guest.once('end', () => {
      socket.setTimeout(this.#longestHalfOpen, () => {
        socket.destroy();
      });
    });
    const carried = relay(socket, guest).then(() => {
      this.#relays.delete(carried);
    });
    this.#relays.add(carried);
  }
}

async function resolveName(host: string, where: 'anywhere' | 'public'): Promise<readonly string[]> {
  let found: readonly LookupAddress[];
  try {
    found = isIP(host) === 0 ? await lookup(host, { all: true }) : [{ address: host, family: isIP(host) }];
  } catch {
    throw new SocketRefused('name-unknown');
  }
  const addresses = found.map(({ address }) => address);
  if (where === 'anywhere') return addresses;
  const allowed = addresses.filter(isPublicAddress);
  // The very addresses that were looked at are connected to: a name that stands for something else a moment later gains nothing.
  if (allowed.length === 0) throw new SocketRefused('not-allowed');
  return allowed;
}

function connected(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    socket.setTimeout(longestConnecting, () => {
      socket.destroy();
      reject(new SocketRefused('timeout'));
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

const reasons: Readonly<Record<string, SocketRefusal>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRINUSE: 'address-in-use',
  EADDRNOTAVAIL: 'address-unknown',
  ENOTFOUND: 'address-unknown',
  EACCES: 'not-permitted',
  EPERM: 'not-permitted',
  ETIMEDOUT: 'timeout',
  EMFILE: 'too-many',
};

function refusal(error: Error): SocketRefused {
  if (error instanceof SocketRefused) return error;
  return new SocketRefused(reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? 'failed');
}
