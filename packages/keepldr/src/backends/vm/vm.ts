// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex, Readable } from 'node:stream';

import { Port } from '@enarx/channel/port';
import { imageFiles, readManifest, type ImageManifest } from '@enarx/image';
import type { Evidence } from '@enarx/protocol';

import { EventQueue } from '../../event-queue.ts';
import { connectToGuest } from '../../guest-socket.ts';
import { keepldrProblem } from '../../problems.ts';
import { killOwnGroup, killRecordedGroup, referenceTo, type ProcessReference } from '../../processes.ts';
import { serveDevice } from '../device.ts';
import type { GuestStateWord, InstanceEnd, LaunchOptions, TeeInstance } from '../backend.ts';
import { confinedEmulator } from './confined.ts';
import { machineArguments } from './machine.ts';
import { findEmulator } from './emulator.ts';
import { Qmp } from './qmp.ts';

/** From the first instruction to the guest's word that it is ready. Emulated on a busy machine it takes a minute. */
const longestBoot = 180_000;
const longestSocketWait = 10_000;
const socketRetry = 10;
/** Longest wait for the kernel to end what was killed. */
const longestDying = 5000;
/** Bytes of the console's end that are kept for a guest that does not come up. */
const consoleTail = 1000;

const defaults = { memory: 1024, vcpus: 1 };

/** What a kind of machine does beyond starting: its evidence, and what has to happen before the first instruction. */
export interface MachineSupport {
  /** Evidence for a guest that cannot ask its processor, from the device. */
  report(reportData: Uint8Array): Promise<Evidence>;
}

/** Starts a virtual machine in emulation, whose evidence a simulated processor gives over what QEMU was given. */
export async function launchVm(options: LaunchOptions): Promise<TeeInstance> {
  const { image, simulator } = options;
  if (image === undefined) throw keepldrProblem('keepldr/image-missing');
  if (simulator === undefined) throw keepldrProblem('keepldr/simulator-missing');
  const [emulator, manifest] = await Promise.all([findEmulator(), readManifest(image)]);
  const { memory, vcpus } = { ...defaults, ...options.resources };
  const accelerator = options.accelerator ?? 'tcg';
  const confined = confinedEmulator({
    qemu: emulator.path,
    image,
    keep: options.guestDirectory,
    devices: accelerator === 'kvm' ? ['/dev/kvm'] : [],
  });
  const { paths } = confined;
  const args = machineArguments({
    kind: 'vm',
    version: emulator.version,
    kernel: `${paths.image}/${imageFiles.kernel}`,
    initrd: `${paths.image}/${imageFiles.initrd}`,
    firmware: `${paths.image}/${imageFiles.firmware}`,
    commandLine: manifest.commandLine,
    memory,
    vcpus,
    sockets: socketsIn(paths.keep),
    console: 'output',
    accelerator,
  });
  const child = spawn(confined.file, confined.args(args), {
    cwd: options.guestDirectory,
    env: {},
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new VmInstance(child, options, launchOnProcessor(image, manifest, vcpus, simulator));
}

function socketsIn(directory: string): { control: string; device: string; channel: string } {
  return {
    control: `${directory}/control.sock`,
    device: `${directory}/device.sock`,
    channel: `${directory}/channel.sock`,
  };
}

/** The launch as the processor would see it: measured from the files that QEMU loads, not from what their manifest says. */
async function launchOnProcessor(
  image: string,
  manifest: ImageManifest,
  vcpus: number,
  simulator: string,
): Promise<{ report(reportData: Uint8Array): Promise<Evidence> }> {
  const { launchSimulatedMachine } = await import('./simulated-launch.ts');
  return launchSimulatedMachine({ image, commandLine: manifest.commandLine, vcpus, simulator });
}

class VmInstance implements TeeInstance {
  readonly processes: readonly ProcessReference[];
  readonly states: AsyncIterable<GuestStateWord>;
  readonly exited: Promise<InstanceEnd>;
  readonly #child: ChildProcess;
  readonly #console: Console;
  readonly #sockets: ReturnType<typeof socketsIn>;
  #port: Port | undefined;
  #broken: InstanceEnd | undefined;

  constructor(
    child: ChildProcess,
    options: LaunchOptions,
    processor: Promise<{ report(reportData: Uint8Array): Promise<Evidence> }>,
  ) {
    this.#child = child;
    this.#sockets = socketsIn(options.guestDirectory);
    const reference = child.pid === undefined ? undefined : referenceTo(child.pid);
    this.processes = reference === undefined ? [] : [reference];
    const states = new EventQueue<GuestStateWord>();
    this.states = states;
    this.#console = new Console(child.stdout as Readable, child.stderr as Readable);
    this.exited = this.#ended(() => {
      if (reference !== undefined)
        killRecordedGroup(reference, (line) => line.includes(options.guestDirectory));
      states.end();
    });
    processor.catch((error: unknown) => {
      this.#break({ detail: (error as Error).message, problem: 'keepldr/launch-failed' });
    });
    this.#start(options, processor, states).catch((error: unknown) => {
      this.#break({ detail: (error as Error).message, problem: 'keepldr/launch-failed' });
    });
  }

  connect(): Duplex {
    if (this.#port === undefined) throw new Error('the guest has no channel yet');
    return this.#port.open();
  }

  async stop(): Promise<void> {
    this.#kill();
    await Promise.race([this.exited, new Promise((resolve) => setTimeout(resolve, longestDying).unref())]);
  }

  /** The guest finds both ports connected when it starts, since its first instruction waits for us. */
  async #start(
    { id }: LaunchOptions,
    processor: Promise<{ report(reportData: Uint8Array): Promise<Evidence> }>,
    states: EventQueue<GuestStateWord>,
  ): Promise<void> {
    const qmp = new Qmp(await this.#connectWhenThere(this.#sockets.control), () => undefined);
    const device = await this.#connectWhenThere(this.#sockets.device);
    this.#port = new Port(await this.#connectWhenThere(this.#sockets.channel), 'host');
    await qmp.start();
    await qmp.execute('cont');
    const boot = setTimeout(() => {
      this.#break({
        detail: `no word from the guest within ${String(longestBoot)} ms`,
        problem: 'keepldr/guest-hung',
      });
    }, longestBoot);
    const served = serveDevice(
      device,
      { id, tee: 'vm' },
      {
        state: (word) => {
          clearTimeout(boot);
          this.#console.close();
          states.push(word);
        },
        report: async (reportData) => (await processor).report(reportData),
      },
    );
    served
      .catch((error: unknown) => {
        this.#break({ detail: (error as Error).message, problem: 'keepldr/guest-misbehaved' });
      })
      .finally(() => {
        clearTimeout(boot);
        // A guest that closed its device is at its end; the machine may need help to notice.
        setTimeout(() => {
          this.#kill();
        }, longestDying).unref();
      });
  }

  /** QEMU binds a socket a moment before it listens on it. */
  async #connectWhenThere(path: string): Promise<Duplex> {
    const deadline = performance.now() + longestSocketWait;
    for (;;) {
      try {
        const stream = connectToGuest(path);
        await once(stream, 'connect');
        // Whoever reads it learns of errors too; there may be nobody yet.
        stream.on('error', () => undefined);
        return stream;
      } catch (error) {
        if (this.#gone || performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, socketRetry));
      }
    }
  }

  get #gone(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }

  #break(end: InstanceEnd): void {
    this.#broken ??= end;
    this.#kill();
  }

  #kill(): void {
    if (!this.#gone) killOwnGroup(this.#child.pid as number);
  }

  #ended(sweep: () => void): Promise<InstanceEnd> {
    return new Promise<InstanceEnd>((resolve) => {
      this.#child.on('error', (error) => {
        resolve({ detail: error.message, problem: 'keepldr/launch-failed' });
      });
      this.#child.on('exit', (code, signal) => {
        resolve({ detail: `${signal ?? `status ${String(code)}`}${this.#console.text}` });
      });
    }).then((end) => {
      sweep();
      this.#port?.destroy();
      if (this.#broken === undefined) return end;
      return { ...this.#broken, detail: `${this.#broken.detail}${this.#console.text}` };
    });
  }
}

/**
 * What QEMU and the guest's kernel say before the guest is ready: a machine that does not come up could not be mended without it. Its end is kept, the rest is
 * read and dropped, however much it is.
 */
class Console {
  #text = '';
  #open = true;

  constructor(...outputs: readonly Readable[]) {
    for (const output of outputs) {
      output.setEncoding('latin1').on('data', (text: string) => {
        if (this.#open) this.#text = `${this.#text}${text.slice(-consoleTail)}`.slice(-consoleTail);
      });
    }
  }

  get text(): string {
    return this.#text === '' ? '' : `: ${this.#text.trim()}`;
  }

  close(): void {
    this.#open = false;
    this.#text = '';
  }
}
