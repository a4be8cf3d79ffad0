// SPDX-License-Identifier: Apache-2.0
//
// wasi:sockets 0.2, all of it refused: a component finds the interfaces that its language always imports, and may open no socket.
import type { CommandImport } from './bundle.ts';
import { Absent, ResultError, type Interface } from './host.ts';

function refuse(): never {
  throw new ResultError('access-denied');
}

export function socketInterfaces() {
  return {
    'wasi:sockets/instance-network': { instanceNetwork: () => new Absent() },
    'wasi:sockets/network': { Network: Absent, networkErrorCode: () => undefined },
    'wasi:sockets/ip-name-lookup': { ResolveAddressStream: Absent, resolveAddresses: refuse },
    'wasi:sockets/tcp-create-socket': { createTcpSocket: refuse },
    'wasi:sockets/tcp': { TcpSocket: Absent },
    'wasi:sockets/udp-create-socket': { createUdpSocket: refuse },
    'wasi:sockets/udp': { UdpSocket: Absent, IncomingDatagramStream: Absent, OutgoingDatagramStream: Absent },
  } satisfies Partial<Record<CommandImport, Interface>>;
}
