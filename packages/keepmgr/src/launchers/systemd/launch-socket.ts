// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

/** Name of the socket in the Keep's directory; the unit's command line has it, too. */
export const launchSocketName = 'launch.sock';

export interface LaunchSocket {
  /** Hands over the frame, now or when the loader has come for it. */
  give(frame: Uint8Array): void;
  close(): void;
}

/**
 * Where a loader that is nobody's child comes for its launch frame. Only one is let in; the directory is the user's alone, as that of the
 * socket by which loaders report.
 *
 * @param directory - the Keep's own
 */
export async function openLaunchSocket(directory: string): Promise<LaunchSocket> {
  // Socket paths are limited to 107 bytes.
  const descriptor = openSync(directory, 'r');
  let loader: Socket | undefined;
  let frame: Uint8Array | undefined;
  const server = createServer((socket) => {
    // A loader that ends before it has read its frame is told of by its exit.
    socket.on('error', () => undefined);
    if (loader !== undefined) {
      socket.destroy();
      return;
    }
    loader = socket.resume();
    if (frame !== undefined) loader.end(frame);
    server.close();
  });
  server
    .on('error', () => undefined)
    .once('close', () => {
      // Once: closing twice says so twice, and the number may be another file's by then.
      closeSync(descriptor);
    });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: `/proc/self/fd/${String(descriptor)}/${launchSocketName}`, backlog: 1 }, resolve);
    });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return {
    give: (given) => {
      frame = given;
      loader?.end(given);
    },
    close: () => {
      server.close();
      loader?.destroy();
    },
  };
}
