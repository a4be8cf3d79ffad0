// SPDX-License-Identifier: Apache-2.0
import { Descriptor, knownFdflags } from './descriptor.ts';
import { fail } from './errno.ts';
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
  /** The kind is looked at before the right: what is no socket says so. */
  function* accepted(fd: number, flags: number, result: number): Waiting<undefined> {
    const accepting = descriptors.get(fd).accept(flags);
    const connection = accepting instanceof Descriptor ? accepting : yield* accepting;
    memory.setU32(result, descriptors.add(connection));
    return undefined;
  }

  function* received(moving: Eventually<number>, size: number, flags: number): Waiting<undefined> {
    const moved = typeof moving === 'number' ? moving : yield* moving;
    memory.setU32(size, moved % 2 ** roflagsShift);
    memory.setU16(flags, Math.floor(moved / 2 ** roflagsShift));
    return undefined;
  }

  function* sent(moving: Eventually<number>, size: number): Waiting<undefined> {
    memory.setU32(size, typeof moving === 'number' ? moving : yield* moving);
    return undefined;
  }

  return {
    sock_accept(fd: number, flags: number, result: number): Eventually<undefined> {
      const descriptor = descriptors.get(fd);
      if (descriptor.accept === Descriptor.prototype.accept) fail('notsock');
      descriptor.require(right.sockAccept);
      if ((flags & ~knownFdflags) !== 0) fail('inval');
      memory.check(result, 4);
      descriptors.requireRoom();
      return accepted(fd, flags, result);
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
      return received(descriptor.receive(new IoVectors(memory, list, count), riflags), size, roflags);
    },
    sock_send(fd: number, list: number, count: number, siflags: number, size: number): Eventually<undefined> {
      const descriptor = descriptors.get(fd);
      if (descriptor.send === Descriptor.prototype.send) fail('notsock');
      descriptor.require(right.fdWrite);
      if (siflags !== 0) fail('inval');
      memory.check(size, 4);
      return sent(descriptor.send(new IoVectors(memory, list, count)), size);
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
