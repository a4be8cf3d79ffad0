// SPDX-License-Identifier: Apache-2.0
import type { PlatformFields } from './pck-extension.ts';

/** What every simulated platform is: a Sapphire Rapids at levels that real ones of 2026 have. */
export const chip = {
  fmspc: Uint8Array.of(0x90, 0xc0, 0x6f, 0, 0, 0),
  pceId: Uint8Array.of(0, 0),
  components: [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
  pceSvn: 13,
  /** TDX module 3, SVN 3, and its loader's versions. */
  teeTcbSvn: Uint8Array.of(3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  /** Intel's number in the middle of 2026. */
  evaluationNumber: 19,
  /** Signers that no enclave of Intel's has: nobody shall take the one for the other. */
  quotingEnclaves: {
    QE: { mrSigner: new Uint8Array(32).fill(0x51), isvProdId: 1, isvSvn: 8 },
    TD_QE: { mrSigner: new Uint8Array(32).fill(0x52), isvProdId: 2, isvSvn: 6 },
  },
} as const;

export function randomPlatform(): PlatformFields {
  return {
    ppid: crypto.getRandomValues(new Uint8Array(16)),
    components: chip.components,
    pceSvn: chip.pceSvn,
    pceId: chip.pceId,
    fmspc: chip.fmspc,
    sgxType: 1,
    instanceId: crypto.getRandomValues(new Uint8Array(16)),
    dynamicPlatform: true,
    cachedKeys: true,
    smtEnabled: true,
  };
}
