// SPDX-License-Identifier: Apache-2.0
import { closeSync, fstatSync, openSync, constants } from 'node:fs';
import { connect, type Socket } from 'node:net';

/** O_PATH of open(2), the same on x64 and arm64: a handle on the name itself, without opening what it names. */
const pathOnly = 0o10_000_000;

/**
 * Connects to a socket in a directory that the guest may write to. The name may have become a symbolic link to some
 * socket of the host (a container engine's, another Keep's), and connect(2) would follow it with the rights of the
 * host. So the name is opened without following, looked at, and the connection made to the very inode that was seen.
 *
 * @throws Error when the name is not there or is no socket
 */
export function connectToGuest(path: string): Socket {
  const descriptor = openSync(path, pathOnly | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(descriptor).isSocket()) throw new Error(`${path} is not a socket`);
    // connect(2) on a Unix socket resolves the path before it returns, so the descriptor is needed no longer.
    return connect({ path: `/proc/self/fd/${String(descriptor)}`, allowHalfOpen: true });
  } finally {
    closeSync(descriptor);
  }
}
