// SPDX-License-Identifier: Apache-2.0
import { fail } from './errno.ts';
import type { Call, Host } from './host.ts';

/** What works on a socket. None can be open yet, so each call ends with `badf` or `notsock`. */
export function sockCalls({ descriptors }: Host) {
  const onSocket = (fd: number): void => {
    descriptors.get(fd);
    fail('notsock');
  };
  return {
    sock_accept: onSocket,
    sock_recv: onSocket,
    sock_send: onSocket,
    sock_shutdown: onSocket,
  } satisfies Record<string, Call>;
}
