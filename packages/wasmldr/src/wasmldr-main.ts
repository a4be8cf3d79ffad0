// SPDX-License-Identifier: Apache-2.0
//
// The program inside the TEE. It finds its device on descriptor 3, listens on channel.sock in its working directory, and takes nothing from
// arguments or environment, which are the host's.
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { exit } from 'node:process';

import { serveGuest } from './guest.ts';

const deviceDescriptor = 3;
const channelSocket = 'channel.sock';
const networkSocket = 'network.sock';

function listen(path: string, accept: (connection: Socket) => void, allowHalfOpen: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    createServer({ allowHalfOpen }, accept).once('error', reject).listen(path, resolve);
  });
}

// Not awaited here: the bundle is no module, in which that could be.
void serveGuest({
  device: new Socket({ fd: deviceDescriptor, readable: true, writable: true }),
  runner: { runner: join(import.meta.dirname, 'runner.cjs') },
  listen: (accept) => listen(channelSocket, accept, false),
  listenForSockets: (accept) => listen(networkSocket, accept, true),
}).then(() => {
  exit(0);
});
