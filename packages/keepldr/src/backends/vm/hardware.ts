// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants } from 'node:fs';

import { readText } from '../../platform/processor.ts';

/**
 * Whether a kind of SEV Keep runs in emulation here, with the firmware's side SIMULATED. A client finds out from the root of the platform's chain, whatever the host says.
 */
export function isEmulated(kind: 'sev' | 'sev-es'): boolean {
  const parameter = readText(`/sys/module/kvm_amd/parameters/${kind === 'sev' ? 'sev' : 'sev_es'}`);
  if (parameter !== 'Y' && parameter !== '1') return true;
  try {
    accessSync('/dev/sev', constants.R_OK | constants.W_OK);
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return false;
  } catch {
    return true;
  }
}
