// SPDX-License-Identifier: Apache-2.0
import { Descriptor, knownFdflags } from './descriptor.ts';
import { fail } from './errno.ts';
import { store } from './fd-calls.ts';
import type { Call, Host } from './host.ts';
import { IoVectors } from './io-vectors.ts';
import { right } from './rights.ts';
import type { Eventually, Waiting } from './waiting.ts';

/** WASI preview 1 `riflags` and `sdflags`. */
const knownRiflags = 3;
const knownSdflags = 3;
const roflagsShift = 32;

/** What works on a socket. */
export function sockCalls({ memory, descriptors }: Host) {
  function* acceptedLater(accepting: Waiting<Descriptor>, result: number): Waiting<undefined> {
    accepted(yield* accepting, result);
    return undefined;
  }

  function accepted(connection: Descriptor, result: number): void {
    memory.setU32(result, descriptors.add(connection));
  }

  function received(moved: number, size: number, flags: number): void {
    memory.setU32(size, moved % 2 ** roflagsShift);
    memory.setU16(flags, Math.floor(moved / 2 ** roflagsShift));
  }

  function* receivedLater(moving: Waiting<number>, size: number, flags: number): Waiting<undefined> {
    received(yield* moving, size, flags);
    return undefined;
  }

  return {
    sock_accept(fd: number, flags: number, result: number): Eventually<undefined> {
      const descriptor = descriptors.get(fd);
      // The kind is looked at before the right: what is no socket says so.
      if (descriptor.accept === Descriptor.prototype.accept) fail('notsock');
      descriptor.require(right.sockAccept);
      if ((flags & ~knownFdflags) !== 0) fail('inval');
      memory.check(result, 4);
      descriptors.requireRoom();
      const accepting = descriptor.accept(flags);
      if (!(accepting instanceof Descriptor)) return acceptedLater(accepting, result);
      accepted(accepting, result);
      return undefined;
    },
    sock_recv(
      fd: number,
      list: number,
      count: number,
      riflags: number,
      size: number,
      roflags: number,
    ): Eventually<undefined> {
      const descriptor = descriptors.get(fd);
      if (descriptor.receive === Descriptor.prototype.receive) fail('notsock');
      descriptor.require(right.fdRead);
      if ((riflags & ~knownRiflags) !== 0) fail('inval');
      memory.check(size, 4);
      memory.check(roflags, 2);
      const moving = descriptor.receive(new IoVectors(memory, list, count), riflags);
      if (typeof moving !== 'number') return receivedLater(moving, size, roflags);
      received(moving, size, roflags);
      return undefined;
    },
    sock_send(fd: number, list: number, count: number, siflags: number, size: number): Eventually<undefined> {
      const descriptor = descriptors.get(fd);
      if (descriptor.send === Descriptor.prototype.send) fail('notsock');
      descriptor.require(right.fdWrite);
      if (siflags !== 0) fail('inval');
      memory.check(size, 4);
      return store(memory, size, descriptor.send(new IoVectors(memory, list, count)));
    },
    sock_shutdown(fd: number, how: number): void {
      const descriptor = descriptors.get(fd);
      if (descriptor.shutdown === Descriptor.prototype.shutdown) fail('notsock');
      descriptor.require(right.sockShutdown);
      if (how === 0 || (how & ~knownSdflags) !== 0) fail('inval');
      descriptor.shutdown(how);
    },
  } satisfies Record<string, Call>;
}
