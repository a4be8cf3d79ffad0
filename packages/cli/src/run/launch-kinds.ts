// SPDX-License-Identifier: Apache-2.0
import type { Tee } from '@enarx/protocol';

/** Kinds whose hardware and firmware only a policy can say the worth of: no measurement of a release or an image is enough. */
export function needsPolicy(tee: Tee): boolean {
  return tee === 'snp' || tee === 'tdx' || tee === 'sgx';
}
