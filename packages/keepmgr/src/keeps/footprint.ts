// SPDX-License-Identifier: Apache-2.0
import { isMachineKind, machineDefaults } from '@enarx/keepldr/machine-kinds';
import type { Resources, Tee } from '@enarx/protocol';

import type { Limits } from '../limits.ts';

/** MiB of a machine's emulator and loader. */
const besidesMachine = 128;

/**
 * MiB that a Keep counts for. What a machine is given it may take whole. What a program in a process takes its owner decides, unseen by the
 * host: there the operator says what is reckoned with.
 */
export function memoryOf(tee: Tee, resources: Resources | undefined, { processMemory }: Limits): number {
  return isMachineKind(tee) ? (resources?.memory ?? machineDefaults.memory) + besidesMachine : processMemory;
}
