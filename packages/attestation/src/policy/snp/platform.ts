// SPDX-License-Identifier: Apache-2.0
import type { PlatformInfo } from '../../snp/report.ts';
import { passWhen } from '../field.ts';
import { bit } from '../value-kinds.ts';
import { snpField, type SnpField } from './field.ts';

type Bit = { [K in keyof PlatformInfo]: PlatformInfo[K] extends boolean ? K : never }[keyof PlatformInfo];

function platformBit(key: string, name: Bit, subject: string, purpose: string, pinWhenSet = false): SnpField {
  return snpField({
    path: ['platform', key],
    subject,
    purpose,
    mend: 'Use a host that is set up so, or change its firmware settings.',
    kind: bit,
    actual: ({ report }) => (report.platformInfo[name] ? 'set' : 'not set'),
    judge: (wanted, { report }) => passWhen(report.platformInfo[name] === wanted),
    suggest: ({ report }) => ({ value: pinWhenSet && report.platformInfo[name] ? true : 'any' }),
  });
}

/** PLATFORM_INFO. Facts on the host that the firmware vouches for. */
export const platformFields: readonly SnpField[] = [
  platformBit('smt', 'smtEnabled', 'SMT on the host (SMT_EN, bit 0)', 'Whether sibling threads run at all.'),
  platformBit(
    'tsme',
    'tsmeEnabled',
    'transparent memory encryption (TSME_EN, bit 1)',
    "Encrypts what is not a guest's; it adds little to SEV-SNP.",
  ),
  platformBit(
    'ecc',
    'eccEnabled',
    'memory with error correction (ECC_EN, bit 2)',
    'Without it bits can be flipped from outside more easily (Rowhammer).',
  ),
  platformBit(
    'rapl-disabled',
    'raplDisabled',
    'energy counters off (RAPL_DIS, bit 3)',
    'The host reads secrets from energy use otherwise (PLATYPUS).',
  ),
  platformBit(
    'ciphertext-hiding',
    'ciphertextHidingDramEnabled',
    'ciphertext hiding (CIPHERTEXT_HIDING_DRAM_EN, bit 4)',
    'Otherwise the host sees when a ciphertext in memory changes (CipherLeaks, Heracles).',
  ),
  platformBit(
    'alias-check-complete',
    'aliasCheckComplete',
    'check for aliased memory (ALIAS_CHECK_COMPLETE, bit 5)',
    'Whether the firmware looked for memory modules that answer to two addresses (BadRAM, CVE-2024-21944). Reports of version 2 cannot say so.',
    true,
  ),
  platformBit(
    'tio',
    'tioEnabled',
    'trusted I/O (SEV-TIO, bit 7)',
    "Whether devices may be brought into the guest's trust.",
  ),
];
