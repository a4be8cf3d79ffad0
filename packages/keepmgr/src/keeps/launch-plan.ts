// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { isMachineKind } from '@enarx/keepldr/machine-kinds';
import { refuseUnusable } from '@enarx/keepldr/platform';
import { probeSandboxes } from '@enarx/keepldr/sandbox';
import { hasLaunchSecret, type CreateKeep, type Platform, type Resources, type Tee } from '@enarx/protocol';

import type { Limits } from '../limits.ts';
import { keepmgrProblem } from '../problems.ts';
import type { SimulatedAnchor } from '../simulated-processor.ts';
import { memoryOf } from './footprint.ts';
import type { LaunchDetails } from './surroundings.ts';

/** What a creation asks for. */
export type Wanted = Pick<CreateKeep, 'tee' | 'resources'>;

/** How a Keep of some kind would be launched now. */
export interface LaunchPlan {
  readonly tee: Tee;
  readonly details: LaunchDetails;
  /** MiB that the Keep counts for. */
  readonly memory: number;
  /**
   * Digest of all that tells one launch from another: the release, the kind, what the loader is told, the simulated processor, the guest image.
   * Two Keeps of one shape are alike to whoever attests them, but for their keys and ids.
   */
  readonly shape: string;
}

/** @throws EnarxError `keepmgr/resources`, `tee/unsupported`, `keepmgr/simulator-unreadable` */
export type PlanLaunch = (wanted: Wanted) => Promise<LaunchPlan>;

export interface PlanOptions {
  readonly limits: Limits;
  /** Path of the loaders' socket, seen from a Keep's directory. */
  readonly manager: string;
  /** What the release says of itself. */
  readonly release: string;
  /** Directory of the guest image. */
  readonly image: string;
  readonly sockets: LaunchDetails['sockets'];
  readonly platform: () => Promise<Platform['backends']>;
  readonly simulator: Promise<SimulatedAnchor>;
  readonly sevPlatform: () => Promise<SimulatedAnchor>;
}

export function launchPlanner(options: PlanOptions): PlanLaunch {
  const { limits, manager, image, release, sockets } = options;
  return async ({ tee, resources }) => {
    refuseTooMuch(limits, resources ?? {});
    refuseUnusable(await options.platform(), tee);
    const [{ strongest }, simulator] = await Promise.all([probeSandboxes(), options.simulator]);
    const details: LaunchDetails = {
      manager,
      simulator: resolve(simulator.file),
      ...(hasLaunchSecret(tee) ? { 'sev-platform': resolve((await options.sevPlatform()).file) } : {}),
      image,
      ...(resources === undefined ? {} : { resources }),
      ...(sockets === undefined ? {} : { sockets }),
      ...(strongest === undefined ? {} : { sandbox: strongest }),
    };
    const manifest = isMachineKind(tee)
      ? await readFile(join(image, 'image.json'), 'utf8').catch(() => '')
      : '';
    const parts = [release, tee, details, simulator.fingerprint, manifest];
    return {
      tee,
      details,
      memory: memoryOf(tee, resources, limits),
      shape: createHash('sha256').update(JSON.stringify(parts)).digest('hex'),
    };
  };
}

function refuseTooMuch({ machineMemory, machineVcpus }: Limits, { memory = 0, vcpus = 0 }: Resources): void {
  if (memory <= machineMemory && vcpus <= machineVcpus) return;
  throw keepmgrProblem('keepmgr/resources', {
    found: `${String(memory)} MiB, ${String(vcpus)} vCPUs`,
    expected: `at most ${String(machineMemory)} MiB and ${String(machineVcpus)} vCPUs`,
  });
}
