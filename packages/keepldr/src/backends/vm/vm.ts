// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { Port } from '@enarx/channel/port';
import { imageFiles, readManifest } from '@enarx/image';

import { EventQueue } from '../../event-queue.ts';
import { keepldrProblem, launchProblemOf } from '../../problems.ts';
import type { ProcessReference } from '../../processes.ts';
import type { GuestStateWord, InstanceEnd, LaunchOptions, TeeInstance } from '../backend.ts';
import { serveDevice } from '../device.ts';
import { confinedEmulator } from './confined.ts';
import { findEmulator, type Emulator } from './emulator.ts';
import { machineDefaults, type MachineKind } from '../machine-kinds.ts';
import { machineArguments, type MachineSecurity } from './machine.ts';
import { MachineProcess, socketsIn, type MachineCommand } from './machine-process.ts';
import type { MachinePlan } from './machine-plan.ts';
import { planOf } from './plan.ts';
import { quoteServiceFiles } from './quote-service.ts';
import { Qmp } from './qmp.ts';

/** From the first instruction to the guest's word that it is ready. Emulated on a busy machine it takes a minute. */
const longestBoot = 180_000;
/** Longest wait for the kernel to end what was killed. */
const longestDying = 5000;
/** An emulated machine that dies before its guest said a word is started again so many times. Emulators have faults of their own: docs/vm.md names one that we met. */
const mostRestarts = 2;

/** What tests put in the place of the machine's own. */
export interface MachineSurroundings {
  readonly emulator?: Emulator;
  readonly confine?: typeof confinedEmulator;
  /** Milliseconds. */
  readonly longestBoot?: number;
}

/**
 * Starts a virtual machine with the guest image, and whatever its kind of memory encryption asks for.
 * @throws EnarxError `keepldr/…`, `image/…`
 */
export async function launchMachine(
  kind: MachineKind,
  options: LaunchOptions,
  around: MachineSurroundings = {},
): Promise<TeeInstance> {
  const { image, resources } = options;
  if (image === undefined) throw keepldrProblem('keepldr/image-missing');
  const [emulator, manifest] = await Promise.all([
    around.emulator ?? findEmulator(),
    readManifest(image).catch((cause: unknown) => {
      throw keepldrProblem('keepldr/image-missing', { found: (cause as Error).message, cause });
    }),
  ]);
  const { memory = machineDefaults.memory, vcpus = machineDefaults.vcpus } = resources ?? {};
  const plan = await planOf(kind, { options, image, manifest, vcpus, emulator });
  const confine = around.confine ?? confinedEmulator;
  const confined = confine({
    qemu: emulator.path,
    image,
    keep: options.guestDirectory,
    devices: plan.accelerator === 'kvm' ? ['/dev/kvm', '/dev/sev'] : [],
    services: plan.kind === 'tdx' ? quoteServiceFiles() : [],
  });
  const { paths } = confined;
  const command = (security: MachineSecurity): MachineCommand => ({
    file: confined.file,
    args: confined.args(
      machineArguments({
        kind: plan.kind,
        version: emulator.version,
        kernel: `${paths.image}/${imageFiles.kernel}`,
        initrd: `${paths.image}/${imageFiles.initrd}`,
        firmware: `${paths.image}/${imageFiles[plan.kind === 'tdx' ? 'tdxFirmware' : 'firmware']}`,
        commandLine: manifest.commandLine,
        memory,
        vcpus,
        sockets: socketsIn(paths.keep),
        console: 'output',
        accelerator: plan.accelerator,
        ...security,
      }),
    ),
    directory: options.guestDirectory,
  });
  return new VmInstance(options, plan, command, around.longestBoot ?? longestBoot);
}

class VmInstance implements TeeInstance {
  readonly states: AsyncIterable<GuestStateWord>;
  readonly exited: Promise<InstanceEnd>;
  readonly provision: TeeInstance['provision'];
  readonly #states = new EventQueue<GuestStateWord>();
  readonly #options: LaunchOptions;
  readonly #plan: MachinePlan;
  readonly #longestBoot: number;
  #machine: MachineProcess | undefined;
  #port: Port | undefined;
  #spoke = false;
  #stopped = false;
  #broken: InstanceEnd | undefined;
  /** Resolves when there is no use in going on. */
  readonly #over = Promise.withResolvers<undefined>();

  constructor(
    options: LaunchOptions,
    plan: MachinePlan,
    command: (security: MachineSecurity) => MachineCommand,
    longest: number,
  ) {
    this.states = this.#states;
    this.provision = plan.provision;
    this.#options = options;
    this.#plan = plan;
    this.#longestBoot = longest;
    plan.ready.catch((error: unknown) => {
      this.#break({ detail: (error as Error).message, problem: launchProblemOf(error) });
    });
    this.exited = this.#run(command).finally(() => {
      this.#port?.destroy();
      this.#states.end();
    });
  }

  get processes(): readonly ProcessReference[] {
    const reference = this.#machine?.reference;
    return reference === undefined ? [] : [reference];
  }

  connect(): Duplex {
    if (this.#port === undefined) throw new Error('the guest has no channel yet');
    return this.#port.open();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#kill();
    await Promise.race([this.exited, new Promise((resolve) => setTimeout(resolve, longestDying).unref())]);
  }

  async #run(command: (security: MachineSecurity) => MachineCommand): Promise<InstanceEnd> {
    let detail = '';
    try {
      const security = await Promise.race([this.#plan.security, this.#over.promise]);
      const began = command(security ?? {});
      for (let restarts = 0; !this.#stopped && this.#broken === undefined; restarts += 1) {
        if (restarts > 0) this.#options.onEvent?.('machine-restarts', detail);
        detail = await this.#attempt(began);
        if (this.#spoke || !this.#plan.repeatable || restarts === mostRestarts) break;
      }
    } catch (error) {
      this.#broken ??= { detail: (error as Error).message, problem: launchProblemOf(error) };
    }
    if (this.#broken === undefined) return { detail };
    return { ...this.#broken, detail: [this.#broken.detail, detail].filter(Boolean).join('; ') };
  }

  /** One process of QEMU. @returns how it ended */
  async #attempt(command: MachineCommand): Promise<string> {
    const machine = new MachineProcess(command);
    this.#machine = machine;
    this.#options.onEvent?.('machine-started', `process ${String(machine.reference?.[0])}`);
    const boot = this.#boot(machine).catch((error: unknown) => {
      // A machine that has ended says why itself.
      if (machine.gone) return;
      this.#break({ detail: (error as Error).message, problem: launchProblemOf(error) });
    });
    const how = await machine.ended;
    await boot;
    return how;
  }

  /** The guest finds both ports connected when it starts, since its first instruction waits for us. */
  async #boot(machine: MachineProcess): Promise<void> {
    const qmp = new Qmp(await machine.connect('control'), () => undefined);
    const device = await machine.connect('device');
    this.#port = new Port(await machine.connect('channel'), 'host', {
      closed: (error) => {
        if (error !== undefined) this.#blame(machine, error);
      },
    });
    const port = this.#port;
    this.#options.sockets.attach(() => port.open('socket'));
    await qmp.start();
    this.#plan.loaded?.(qmp);
    await Promise.race([this.#plan.ready, machine.ended]);
    await qmp.execute('cont');
    const timer = setTimeout(() => {
      this.#break({
        detail: `no word from the guest within ${String(this.#longestBoot)} ms`,
        problem: 'keepldr/guest-hung',
      });
    }, this.#longestBoot);
    const { tee, secret, report } = this.#plan;
    const table = secret === undefined ? {} : { secret: await secret };
    serveDevice(
      device,
      { id: this.#options.id, tee, ...table },
      {
        state: (word) => {
          clearTimeout(timer);
          this.#spoke = true;
          machine.closeConsole();
          this.#states.push(word);
        },
        report,
        reported: this.#options.onEvidence,
        sockets: this.#options.sockets,
      },
    )
      .catch((error: unknown) => {
        this.#blame(machine, error as Error);
      })
      .finally(() => {
        clearTimeout(timer);
        // A guest that closed its device is at its end; the machine may need help to notice.
        setTimeout(() => {
          machine.kill();
        }, longestDying).unref();
      });
  }

  /** What a machine that ended left unfinished is not its guest's fault. */
  #blame(machine: MachineProcess, error: Error): void {
    if (machine.gone || this.#stopped) return;
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith('E') === true || code === 'frame/truncated') return;
    this.#break({ detail: error.message, problem: 'keepldr/guest-misbehaved' });
  }

  #break(end: InstanceEnd): void {
    this.#broken ??= end;
    this.#kill();
  }

  #kill(): void {
    this.#over.resolve(undefined);
    this.#machine?.kill();
  }
}
