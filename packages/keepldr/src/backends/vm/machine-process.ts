// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';

import { connectToGuest } from '../../guest-socket.ts';
import { keepldrProblem } from '../../problems.ts';
import { killOwnGroup, killRecordedGroup, referenceTo, type ProcessReference } from '../../processes.ts';
import { EarlyOutput } from '../early-output.ts';
import type { MachineSockets } from './machine.ts';

const longestSocketWait = 10_000;
const socketRetry = 10;
/** Bytes of the console's end that are kept for a guest that does not come up. */
const longestConsole = 1000;

export interface MachineCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** The Keep's own directory, in which QEMU makes its sockets. */
  readonly directory: string;
}

/** One process of QEMU, from its start to its end. */
export class MachineProcess {
  readonly reference: ProcessReference | undefined;
  /** Resolves with an exit status or signal, or why it could not be started, and what it said last. Nothing of it is left then. Never rejects. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #console: EarlyOutput;
  readonly #sockets: MachineSockets;

  constructor({ file, args, directory }: MachineCommand) {
    this.#sockets = socketsIn(directory);
    // Of a machine that died before this one; nobody must be connected to those.
    const { control, device, channel } = this.#sockets;
    for (const path of [control, device, channel]) rmSync(path, { force: true });
    this.#child = spawn(file, args, {
      cwd: directory,
      env: {},
      // A process group of its own, so that one signal reaches everything in it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid, stdout, stderr } = this.#child;
    this.reference = pid === undefined ? undefined : referenceTo(pid);
    this.#console = new EarlyOutput([stdout as Readable, stderr as Readable], 'latin1', lastOf);
    this.ended = new Promise<string>((resolve) => {
      this.#child.on('error', (error) => {
        resolve(error.message);
      });
      this.#child.on('exit', (code, signal) => {
        resolve(signal ?? `status ${String(code)}`);
      });
    }).then((how) => {
      // It ended this moment, so the group's number is still its own and whatever is in it is of the Keep.
      if (this.reference !== undefined) killRecordedGroup(this.reference, () => true);
      return `${how}${this.#console.text}`;
    });
  }

  get gone(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }

  closeConsole(): void {
    this.#console.close();
  }

  kill(): void {
    if (!this.gone) killOwnGroup(this.#child.pid as number);
  }

  /**
   * A connection to one of its sockets. QEMU makes them while it starts, and binds one a moment before it listens on it.
   * @throws EnarxError `keepldr/qemu-failed`
   */
  async connect(socket: keyof MachineSockets): Promise<Duplex> {
    const deadline = performance.now() + longestSocketWait;
    for (;;) {
      try {
        const stream = connectToGuest(this.#sockets[socket]);
        await once(stream, 'connect');
        // Whoever reads it learns of errors too; there may be nobody yet.
        stream.on('error', () => undefined);
        return stream;
      } catch (cause) {
        if (this.gone || performance.now() > deadline)
          throw keepldrProblem('keepldr/qemu-failed', { found: (cause as Error).message, cause });
        await new Promise((resolve) => setTimeout(resolve, socketRetry));
      }
    }
  }
}

/** QEMU and the guest's kernel tell their story: how it ends says what is wrong. */
function lastOf(before: string, now: string): string {
  return `${before}${now.slice(-longestConsole)}`.slice(-longestConsole);
}

/** @param directory - as whoever connects sees it, or as QEMU does */
export function socketsIn(directory: string): MachineSockets {
  return {
    control: `${directory}/control.sock`,
    device: `${directory}/device.sock`,
    channel: `${directory}/channel.sock`,
  };
}
