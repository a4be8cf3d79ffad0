// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { createKeepCertificate, serveChannel, type ChannelTimes } from '@enarx/channel';
import type { Evidence } from '@enarx/protocol';
import { startRunner, type RunnerOptions } from '@enarx/runtime';

import { Device } from './device.ts';
import { Keep, type KeepTimes } from './keep.ts';
import { HostSockets } from './network/host-sockets.ts';
import { networkProblem } from './network/problems.ts';
import { ProgramNetwork } from './network/program-network.ts';
import { launchSecretOf, possession, type SecretSource } from './launch-secret.ts';

/** Milliseconds. */
const longestFarewell = 1000;

export interface GuestOptions {
  /** The device: to whoever launched this TEE and passes reports of its processor on. */
  readonly device: Duplex;
  /** How the runner is started. */
  readonly runner: Omit<RunnerOptions, 'shape'>;
  /** Evidence of the processor over 64 bytes, where this guest can ask it by itself; otherwise the device is asked. */
  readonly report?: ((reportData: Uint8Array) => Promise<Evidence>) | undefined;
  /** Launch secrets as this guest's kernel shows them, where it does. */
  readonly secrets?: SecretSource | undefined;
  /** Begins to hand over connections from outside, and resolves when they can come. */
  readonly listen: (accept: (connection: Duplex) => void) => Promise<void>;
  /** The same for connections of the program's sockets; called when there is a program that has any. Without it no program has. */
  readonly listenForSockets?: ((accept: (connection: Duplex) => void) => Promise<void>) | undefined;
  readonly times?: Partial<KeepTimes & ChannelTimes> | undefined;
}

/**
 * A Keep from inside: makes its key, answers for itself, takes one workload from one owner once, and runs it. Resolves when the Keep
 * is at its end, because its work is done or its host has gone; nothing of it runs any more then.
 *
 * @throws EnarxError `wasmldr/host-…`, `frame/…`, `cbor/…`, `message/…` when the host does not launch it properly
 */
export async function serveGuest({
  device: stream,
  runner,
  report,
  secrets,
  listen,
  listenForSockets,
  times,
}: GuestOptions): Promise<void> {
  let device: Device | undefined;
  const keep = new Keep({
    tellHost: (state) => device?.state(state),
    startRunner: (shape) => startRunner({ ...runner, ...(shape === undefined ? {} : { shape }) }),
    times,
  });
  try {
    const opened = (device = await Device.open(stream));
    const { id, tee, secret: table } = opened.launch;
    const secret = launchSecretOf(tee, table, secrets);
    if (secret !== undefined) keep.reserve(secret.owner);
    // A delivery waits for the runner longer than for anything else here, so it boots while the key is made and clients come.
    keep.prepare();
    const certificate = await createKeepCertificate(id, Date.now(), secret?.key);
    keep.useNetwork(async (files) => {
      if (listenForSockets === undefined) throw networkProblem('network/unsupported');
      const sockets = new HostSockets(opened);
      await listenForSockets((connection) => {
        sockets.accept(connection);
      });
      return ProgramNetwork.open(files, sockets, certificate);
    });
    const channel = serveChannel({
      keepId: id,
      certificate,
      report:
        secret === undefined ? (report ?? ((reportData) => opened.report(reportData))) : possession(secret),
      services: keep,
      times,
    });
    await listen((connection) => {
      channel.accept(connection);
    });
    opened.state('ready');
    await Promise.race([opened.closed, keep.finished]);
    // Whoever asked for the end is told that it came. A host that reads nothing must not keep the guest alive.
    await Promise.race([
      Promise.all([channel.answered(), opened.flushed]),
      delay(longestFarewell, undefined, { ref: false }),
    ]);
    channel.close();
  } finally {
    keep.kill();
    stream.destroy();
  }
}
