// SPDX-License-Identifier: Apache-2.0
//
// The first and only program of a VM guest: kernel in, wasmldr up, machine off. There is nothing else to run.
import type { Duplex } from 'node:stream';

import { Port } from '@enarx/channel/port';
import { serveGuest } from '@enarx/wasmldr';

import { kernelSecrets } from './efi-secret.ts';
import { kernelEvidence } from './evidence.ts';
import { loadModules } from './modules.ts';
import { mountEvidence, mountFileSystems } from './mounts.ts';
import { openPort } from './port-file.ts';
import { denyNewPrivileges, powerOff } from './system-calls.ts';

/** Ports have these names in keepldr's machine description. */
const devicePort = 'enarx.device';
const channelPort = 'enarx.channel';
const modules = '/enarx/modules';
const runner = '/enarx/runner.cjs';
/** The program's process is nobody, in a guest that has nobody else. */
const nobody = 65_534;

/** Not at the top level, so that this can be built as CommonJS: Node starts that in less time, which an emulated machine feels. */
async function main(): Promise<void> {
  try {
    mountFileSystems();
    loadModules(modules);
    mountEvidence();
    denyNewPrivileges();
    const [device, channel] = [openPort(devicePort), openPort(channelPort)];
    const report = kernelEvidence();
    const secrets = kernelSecrets();
    let acceptSocket: ((connection: Duplex) => void) | undefined;
    await serveGuest({
      device,
      runner: { runner, user: nobody },
      ...(report === undefined ? {} : { report }),
      ...(secrets === undefined ? {} : { secrets }),
      listen: (accept) => {
        new Port(channel, 'guest', {
          connection: (connection, use) => {
            if (use === 'channel') accept(connection);
            else if (acceptSocket === undefined) connection.destroy();
            else acceptSocket(connection);
          },
          // Without a way in there is nothing left to be for.
          closed: powerOff,
        });
        return Promise.resolve();
      },
      listenForSockets: (accept) => {
        acceptSocket = accept;
        return Promise.resolve();
      },
    });
  } catch (error) {
    // The console is the host's: it may know why a guest could not start, when it has met no client yet.
    console.error(`enarx: ${(error as Error).message}`);
  }
  powerOff();
}

void main();
