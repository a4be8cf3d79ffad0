// SPDX-License-Identifier: Apache-2.0
import type { Tee } from '@enarx/protocol';

/** Kinds whose owner makes the key and takes part in the launch. */
export function hasLaunchSecret(tee: Tee): boolean {
  return tee === 'sev' || tee === 'sev-es' || tee === 'sim-sev';
}
