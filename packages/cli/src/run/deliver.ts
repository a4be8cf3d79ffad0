// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import {
  describeWorkload,
  isComponentFile,
  moduleFromComponent,
  moduleFromFile,
  RejectedError,
  type ClientIdentity,
  type ComponentSource,
  type Keep,
  type LaunchTrust,
  type ModuleSource,
  type SealedLaunch,
  type Transpile,
  type UnattestedKeep,
} from '@enarx/client';
import type { Verdict } from '@enarx/attestation';
import type { Ended, Tee } from '@enarx/protocol';

import type { MachineFlags, WorkloadFlags } from '../commands/flags.ts';
import type { EnarxContext } from '../context.ts';
import type { Output } from '../output.ts';
import { runExitStatus, statusOfProgram } from '../exit-status.ts';
import type { NamedTrust } from './named-trust.ts';
import { reportListening } from './listening.ts';
import { reportChecks, reportEnd, reportMissingAnchor, reportSimulated } from './report.ts';
import { imageDirectory } from './image.ts';
import { vcpusOf } from './resources.ts';
import type { Trust } from './trust.ts';
import { planWorkload, type WorkloadPlan } from './workload.ts';

/** All that a delivery needs of this machine, read and checked before anything is asked of a host. */
export interface Delivery {
  readonly module: ModuleSource;
  readonly plan: WorkloadPlan;
}

export interface DeliverOptions {
  readonly identity: ClientIdentity;
  /** Evidence is judged by the one; a Keep that one has launched oneself has to own what was sealed for it. */
  readonly trust: Trust | SealedLaunch;
  readonly verbose: boolean;
  readonly detach: boolean;
  /** Whether the Keep is of no use to anybody when this is over. */
  readonly removeAfter: boolean;
  readonly signal: AbortSignal;
}

/** @throws EnarxError for what cannot be read or makes no sense */
export async function prepareDelivery(
  context: EnarxContext,
  flags: WorkloadFlags,
  module: string,
  args: readonly string[],
): Promise<Delivery> {
  const delivery = await readDelivery(context, flags, module, args);
  // Whoever gives it too much is told before a Keep is launched for it.
  describeWorkload({ module: delivery.module, ...delivery.plan });
  const { hint } = delivery.plan;
  if (hint !== undefined) context.output.event('hint', { hint }, `hint: ${hint}`);
  return delivery;
}

async function readDelivery(
  { release }: EnarxContext,
  flags: WorkloadFlags,
  module: string,
  args: readonly string[],
): Promise<Delivery> {
  if (await isComponentFile(module)) {
    const source = await readComponent(module, release, flags);
    return { plan: await planWorkload(flags, module, args, source.world === 'http'), module: source };
  }
  const [plan, source] = await Promise.all([planWorkload(flags, module, args), moduleFromFile(module)]);
  return { plan, module: source };
}

/** A component is taken apart by a file of the release that only those load who have one. */
async function readComponent(
  path: string,
  release: string,
  { experimentalWasi03 }: WorkloadFlags,
): Promise<ComponentSource> {
  const { transpile } = (await import(join(release, 'transpile.js'))) as { readonly transpile: Transpile };
  return moduleFromComponent(await readFile(path), transpile, { experimentalWasi03 });
}

/** Trust for one kind of Keep. */
export async function trustFor(
  context: EnarxContext,
  named: NamedTrust,
  flags: Partial<MachineFlags>,
  tee: Tee,
): Promise<Trust> {
  const image = imageDirectory({ image: flags.image }, context.process.env);
  const expectation = { release: context.release, image, vcpus: vcpusOf(flags) ?? 1 };
  // The verifier is large, and whoever asks a host for a Keep first has the time to load it meanwhile.
  const { readTrust } = await import('./trust.ts');
  return readTrust(named, tee, expectation);
}

/** What the owner of a launch with a secret demands of it. */
export async function launchTrustFor(
  context: EnarxContext,
  { anchor, policy, endorsements }: NamedTrust,
  flags: Pick<MachineFlags, 'image' | 'vcpus'>,
  tee: Tee,
): Promise<LaunchTrust> {
  const { readLaunchTrust } = await import('./launch-trust.ts');
  return readLaunchTrust(tee, {
    anchor,
    policy,
    endorsements,
    image: imageDirectory(flags, context.process.env),
    vcpus: vcpusOf(flags) ?? 1,
    release: context.release,
    at: context.now(),
  });
}

/**
 * Steps 3 to 10: verifies the Keep on a new connection, and only then sends the program, with the streams of this command.
 *
 * @returns how the program ended; `undefined` when it was left running
 */
export async function deliver(
  context: EnarxContext,
  keep: Keep,
  { module, plan }: Delivery,
  { identity, trust, verbose, detach, removeAfter, signal }: DeliverOptions,
): Promise<Ended | undefined> {
  const { output, process } = context;
  const unattested = await keep.open({ identity, signal, removeAfter });
  return explained(context, unattested, { trust, verbose }, async () => {
    const attested =
      'anchors' in trust
        ? await unattested.attest({ purpose: 'deliver', ...trust, at: context.now })
        : await unattested.attestSealed('deliver', trust);
    reportVerdict(output, attested.verdict, verbose);
    const program = await attested.deliver({
      module,
      ...plan,
      detach,
      // Its input does not end here: it comes with whoever attaches.
      stdin: detach ? new Readable({ read: () => undefined }) : process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
    });
    output.clearProgress();
    reportListening(output, plan, program.listening, attested.keepKey);
    if (detach) {
      program.leave();
      await program.ended.catch(() => undefined);
      return undefined;
    }
    return program.ended;
  });
}

/** Verifies the Keep on a new connection and takes over the streams of the program in it. @returns how the program ended */
export async function hearAgain(
  context: EnarxContext,
  keep: Keep,
  { identity, trust, verbose, signal }: Pick<DeliverOptions, 'identity' | 'trust' | 'verbose' | 'signal'>,
): Promise<Ended> {
  const { output, process } = context;
  const unattested = await keep.open({ identity, signal });
  return explained(context, unattested, { trust, verbose }, async () => {
    const attested =
      'anchors' in trust
        ? await unattested.attest({ purpose: 'attach', ...trust, at: context.now })
        : await unattested.attestSealed('attach', trust);
    reportVerdict(output, attested.verdict, verbose);
    const { stdin, stdout, stderr } = process;
    const program = await attested.attach({ stdin, stdout, stderr });
    output.clearProgress();
    return program.ended;
  });
}

function reportVerdict(output: Output, { simulated, checks }: Verdict, verbose: boolean): void {
  if (simulated) reportSimulated(output);
  if (verbose || output.json) reportChecks(output, checks, 'all');
}

/** Closes a connection on which something failed, and says why a Keep was rejected. */
async function explained<T>(
  { output }: EnarxContext,
  connection: UnattestedKeep,
  { trust, verbose }: Pick<DeliverOptions, 'trust' | 'verbose'>,
  talk: () => Promise<T>,
): Promise<T> {
  try {
    return await talk();
  } catch (error) {
    connection.destroy();
    if (error instanceof RejectedError) {
      const { verdict } = error;
      reportChecks(output, verdict.checks, verbose || output.json ? 'all' : 'failed');
      if ('anchors' in trust && trust.anchors.every(({ simulated }) => !simulated))
        reportMissingAnchor(output, verdict.checks);
    }
    throw error;
  }
}

/** Reports how the program ended. @returns exit status */
export function statusOfEnd({ output }: EnarxContext, ended: Ended): number {
  reportEnd(output, ended);
  switch (ended.how) {
    case 'exit':
      return statusOfProgram(ended.code);
    case 'trap':
      return runExitStatus.trap;
    case 'limit':
      return runExitStatus.limit;
    case 'stopped':
      return runExitStatus.stopped;
  }
}
