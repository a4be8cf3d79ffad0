// SPDX-License-Identifier: Apache-2.0
//
// wasi:sockets 0.2: a component may listen and connect where its list of descriptors says so, and finds `access-denied` everywhere else. A Keep has no datagrams.
import type { ErrnoName } from '../wasi/errno.ts';
import { ipAddress, type Family, type IpAddress } from './addresses.ts';
import type { ComponentImport } from './bundle.ts';
import { Absent, ResultError, type ComponentHost, type Interface } from './host.ts';
import { Pollable, type IoError } from './io.ts';
import { TcpSocket } from './tcp.ts';

/** `error-code` for each `errno` that a connection which stands can fail with. */
const codes: Readonly<Partial<Record<ErrnoName, string>>> = {
  connreset: 'connection-reset',
  notconn: 'invalid-state',
  pipe: 'connection-aborted',
};

/** Longest name of the DNS (RFC 1035 section 3.1). */
const longestName = 253;

/** Resource `network`. */
export class Network {
  [Symbol.dispose](): void {
    // There is one, which the Keep has anyway.
  }
}

/** Resource `resolve-address-stream`. What stands for a name is known at once. */
export class ResolveAddressStream {
  readonly #host: ComponentHost;
  readonly #left: IpAddress[];

  constructor(host: ComponentHost, addresses: readonly string[]) {
    this.#host = host;
    this.#left = addresses.map(ipAddress);
  }

  [Symbol.dispose](): void {
    // There is nothing to give back.
  }

  resolveNextAddress(): IpAddress | undefined {
    return this.#left.shift();
  }

  subscribe(): Pollable {
    return new Pollable(this.#host, () => 0);
  }
}

/** @throws ResultError `invalid-argument`; `access-denied` for a name that the list of descriptors does not have */
export function resolve({ network }: ComponentHost, name: string): readonly string[] {
  if (name === '' || name.length > longestName || /[^\w.:-]/.test(name))
    throw new ResultError('invalid-argument');
  const addresses = network.addressesOf(name);
  if (addresses.length === 0) throw new ResultError('access-denied');
  return addresses;
}

export function socketInterfaces(host: ComponentHost) {
  return {
    'wasi:sockets/instance-network': { instanceNetwork: () => new Network() },
    'wasi:sockets/network': {
      Network,
      networkErrorCode: (error: IoError) => codes[error.cause.message as ErrnoName],
    },
    'wasi:sockets/ip-name-lookup': {
      ResolveAddressStream,
      resolveAddresses: (_network: Network, name: string) =>
        new ResolveAddressStream(host, resolve(host, name)),
    },
    'wasi:sockets/tcp-create-socket': { createTcpSocket: (family: Family) => new TcpSocket(host, family) },
    'wasi:sockets/tcp': { TcpSocket },
    'wasi:sockets/udp-create-socket': {
      createUdpSocket: (): never => {
        throw new ResultError('not-supported');
      },
    },
    'wasi:sockets/udp': { UdpSocket: Absent, IncomingDatagramStream: Absent, OutgoingDatagramStream: Absent },
  } satisfies Partial<Record<ComponentImport, Interface>>;
}
