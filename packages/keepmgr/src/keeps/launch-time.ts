// SPDX-License-Identifier: Apache-2.0
import { isMachineKind } from '@enarx/keepldr/machine-kinds';
import type { Tee } from '@enarx/protocol';

import type { Limits } from '../limits.ts';

/** Milliseconds that a launch may take. */
export function launchTimeOf(tee: Tee, { launchTime, machineLaunchTime }: Limits): number {
  return isMachineKind(tee) ? machineLaunchTime : launchTime;
}
