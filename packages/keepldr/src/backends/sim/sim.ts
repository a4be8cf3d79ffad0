// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { execPath, version } from 'node:process';
import type { Duplex, Readable } from 'node:stream';

import type { Evidence, Sandbox, Tee } from '@enarx/protocol';

import { EventQueue } from '../../event-queue.ts';
import { connectToGuest } from '../../guest-socket.ts';
import type { Probe } from '../../probe.ts';
import { killOwnGroup, killRecordedGroup, referenceTo, type ProcessReference } from '../../processes.ts';
import { keepldrProblem, launchProblemOf } from '../../problems.ts';
import { confinementNamed, probeSandboxes, strongestSandbox } from '../../sandbox/choose.ts';
import type { Confinement } from '../../sandbox/confinement.ts';
import { sendInputs } from '../../sandbox/tool.ts';
import type { Backend, GuestStateWord, InstanceEnd, LaunchOptions, TeeInstance } from '../backend.ts';
import { serveDevice, type Device } from '../device.ts';
import { EarlyOutput } from '../early-output.ts';
import { loaderArguments, loaderFiles } from './loader-command.ts';

const deviceDescriptor = 3;
/** Longest wait for the kernel to end what was killed. */
const longestDying = 5000;
const longestDiagnosis = 400;

/** A process of this machine in the place of a TEE, and a software processor in the place of the hardware that vouches for it. */
export const sim: Backend = {
  tee: 'sim',
  probe,
  launch: async (options) => launchIn(await confinementFor(options), options),
};

/** What a kind of process Keep has in the place of a processor. */
export interface ProcessSupport {
  readonly tee: Tee;
  /** Evidence for the guest, over 64 bytes. */
  readonly report: (reportData: Uint8Array) => Promise<Evidence>;
  /** What the guest is handed with its launch, and not launched without. */
  readonly secret?: Promise<Uint8Array> | undefined;
  /** Rejects when there will be no launch. */
  readonly ready: Promise<unknown>;
  readonly provision?: TeeInstance['provision'];
}

export async function confinementFor({ sandbox }: LaunchOptions): Promise<Confinement> {
  return confinementNamed(sandbox ?? (await strongestSandbox()));
}

export async function probe(): Promise<readonly Probe[]> {
  const { strongest, probes } = await probeSandboxes();
  const newEnough = Number.parseInt(version.slice(1), 10) >= 26;
  return [
    {
      id: 'node',
      pass: newEnough,
      found: version,
      ...(newEnough ? {} : { remedy: 'Use Node 26.' }),
    },
    {
      id: 'sandbox',
      pass: strongest !== undefined,
      found: strongest === undefined ? 'none works' : `${strongest} (${detailOf(probes, strongest)})`,
      ...(strongest === 'bubblewrap' ? {} : { remedy: 'apt install bubblewrap' }),
    },
  ];
}

function detailOf(probes: readonly Probe[], strongest: Sandbox): string {
  return probes.find(({ id }) => id === `sandbox-${strongest}`)?.found ?? strongest;
}

/**
 * Starts a simulated instance in the given sandbox. The guest's process is spawned before anything else is loaded or
 * measured: its start is what takes longest, and the rest happens meanwhile.
 */
export function launchIn(confinement: Confinement, options: LaunchOptions): TeeInstance {
  const { simulator, release } = options;
  if (simulator === undefined) throw keepldrProblem('keepldr/simulator-missing');
  return launchProcess(confinement, options, () => {
    const processor = launchOnProcessor(release, simulator);
    return {
      tee: 'sim',
      ready: processor,
      report: async (reportData) => (await processor).report(reportData),
    };
  });
}

/** @param support - called when the process was spawned */
export function launchProcess(
  confinement: Confinement,
  options: LaunchOptions,
  support: () => ProcessSupport,
): TeeInstance {
  const command = confinement.command({
    node: execPath,
    template: loaderArguments,
    release: options.release,
    files: loaderFiles,
    directory: options.guestDirectory,
  });
  const child = spawn(command.file, command.args, {
    cwd: options.guestDirectory,
    // The host's environment is no business of the guest's, and some of it slows Node's start.
    env: {},
    // A process group of its own, so that one signal reaches everything in it.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', ...command.inputs.map(() => 'pipe' as const)],
  });
  sendInputs(child.stdio, command.inputs);
  return new SimInstance(child, options, support());
}

class SimInstance implements TeeInstance {
  readonly processes: readonly ProcessReference[];
  readonly states: AsyncIterable<GuestStateWord>;
  readonly exited: Promise<InstanceEnd>;
  readonly provision: TeeInstance['provision'];
  readonly #child: ChildProcess;
  readonly #directory: string;
  #broken: InstanceEnd | undefined;

  constructor(child: ChildProcess, options: LaunchOptions, support: ProcessSupport) {
    this.#child = child;
    this.#directory = options.guestDirectory;
    const reference = child.pid === undefined ? undefined : referenceTo(child.pid);
    this.processes = reference === undefined ? [] : [reference];
    const states = new EventQueue<GuestStateWord>();
    this.states = states;
    const diagnosis = new EarlyOutput([child.stderr as Readable], 'utf8', firstOf);
    this.exited = ended(child, diagnosis, () => {
      // Its group may outlive it: a runner that spins does not notice that its supervisor has gone.
      // It ended this moment, so the group's number is still its own and whatever is in it is of the Keep.
      if (reference !== undefined) killRecordedGroup(reference, () => true);
    }).then((end) => {
      states.end();
      return this.#broken ?? end;
    });
    this.provision = support.provision;
    support.ready.catch((error: unknown) => {
      this.#break({ detail: (error as Error).message, problem: launchProblemOf(error) });
    });
    if (child.pid === undefined) return;
    const { sockets } = options;
    sockets.attach(() => connectToGuest(`${this.#directory}/network.sock`));
    this.#serve(child, options.id, support, {
      state: (word) => {
        diagnosis.close();
        states.push(word);
      },
      report: support.report,
      reported: options.onEvidence,
      sockets,
    }).catch((error: unknown) => {
      this.#break({ detail: (error as Error).message, problem: 'keepldr/guest-misbehaved' });
    });
  }

  connect(): Duplex {
    return connectToGuest(`${this.#directory}/channel.sock`);
  }

  async stop(): Promise<void> {
    this.#kill();
    await Promise.race([this.exited, new Promise((resolve) => setTimeout(resolve, longestDying).unref())]);
  }

  async #serve(
    child: ChildProcess,
    id: Uint8Array,
    { tee, secret }: ProcessSupport,
    device: Device,
  ): Promise<void> {
    const table = secret === undefined ? {} : { secret: await secret };
    await serveDevice(child.stdio[deviceDescriptor] as Duplex, { id, tee, ...table }, device);
  }

  #break(end: InstanceEnd): void {
    this.#broken ??= end;
    this.#kill();
  }

  #kill(): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) killOwnGroup(pid);
  }
}

/** Resolves when the process has ended and nobody holds its device any more, which in a pid namespace may be a moment later. */
function ended(child: ChildProcess, diagnosis: EarlyOutput, sweep: () => void): Promise<InstanceEnd> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      resolve({ detail: error.message, problem: 'keepldr/launch-failed' });
    });
    child.on('exit', (code, signal) => {
      sweep();
      const detail = `${signal ?? `status ${String(code)}`}${diagnosis.text}`;
      const finish = (): void => {
        resolve({ detail });
      };
      const device = child.stdio[deviceDescriptor] as Duplex;
      if (device.closed) finish();
      else device.once('close', finish);
      setTimeout(finish, longestDying).unref();
    });
  });
}

/** The launch as the processor sees it: it measures what runs, and reports on that alone. */
async function launchOnProcessor(
  release: string,
  simulator: string,
): Promise<{ report(reportData: Uint8Array): Promise<Evidence> }> {
  const [{ importProcessor }, { readSimLoader }, file] = await Promise.all([
    import('@enarx/simulator'),
    import('./loader.ts'),
    readFile(simulator),
  ]);
  const [processor, image] = await Promise.all([importProcessor(file), readSimLoader(release)]);
  return processor.launch(image);
}

/** Node says first what is wrong, then where. */
function firstOf(before: string, now: string): string {
  return before.length < longestDiagnosis ? before + now.slice(0, longestDiagnosis) : before;
}
