// SPDX-License-Identifier: Apache-2.0
import type { GuestPolicy } from '../../snp/report.ts';
import { olderThan } from '../value-kinds.ts';
import { passWhen } from '../field.ts';
import { bit, minimumVersion, word } from '../value-kinds.ts';
import { snpField, type SnpField } from './field.ts';

type Bit = { [K in keyof GuestPolicy]: GuestPolicy[K] extends boolean ? K : never }[keyof GuestPolicy];

function policyBit(
  key: string,
  name: Bit,
  /** The value that protects the guest. */
  protects: boolean,
  subject: string,
  purpose: string,
  warning?: string,
): SnpField {
  return snpField({
    path: ['guest-policy', key],
    subject,
    purpose,
    mend: 'Launch the guest with this bit of its policy as wanted; the host must not choose it.',
    kind: bit,
    actual: ({ report }) => (report.policy[name] ? 'set' : 'not set'),
    judge: (wanted, { report }) => passWhen(report.policy[name] === wanted),
    suggest: ({ report }) => ({
      // A template asks for what protects, and never that the guest be weaker than it need be.
      value: report.policy[name] === protects ? protects : 'any',
      ...(warning !== undefined && report.policy[name] ? { warning } : {}),
    }),
  });
}

/** GUEST_POLICY. Whoever launches chooses it, which is why the same launch digest is not enough. */
export const guestPolicyFields: readonly SnpField[] = [
  snpField({
    path: ['guest-policy', 'abi-minimum'],
    subject: 'lowest firmware ABI that the guest accepts (ABI_MAJOR, ABI_MINOR)',
    purpose:
      'What the guest demanded of its firmware, not what the firmware is; `firmware.minimum-version` is that.',
    mend: 'Launch the guest with a higher minimum ABI in its policy.',
    kind: minimumVersion,
    actual: ({ report: { policy } }) => `${String(policy.abiMajor)}.${String(policy.abiMinor)}`,
    judge: ({ parts }, { report: { policy } }) =>
      passWhen(!olderThan([policy.abiMajor, policy.abiMinor], parts)),
    suggest: ({ report: { policy } }) => ({ value: { parts: [policy.abiMajor, policy.abiMinor] } }),
  }),
  policyBit(
    'debug',
    'debug',
    false,
    'permission to debug the guest (DEBUG, bit 19)',
    'With it the host can read and write the memory of the guest: nothing in it is secret.',
    'THE HOST CAN READ THIS GUEST. Never send a secret to it; launch it again without DEBUG',
  ),
  policyBit(
    'migrate-ma',
    'migrateMa',
    false,
    'permission to migrate (MIGRATE_MA, bit 18)',
    'With it a migration agent, a second guest, may take the memory out; the agent then needs as much trust as the guest.',
    'a migration agent can take the memory of this guest elsewhere',
  ),
  policyBit(
    'smt',
    'smt',
    false,
    'permission to run with SMT (bit 16)',
    'Sibling threads share a core with the host, as StackWarp (CVE-2025-29943) and other side channels use.',
  ),
  policyBit(
    'single-socket',
    'singleSocket',
    true,
    'restriction to one socket (SINGLE_SOCKET, bit 20)',
    'Keeps the guest from links between sockets.',
  ),
  policyBit(
    'cxl',
    'cxlAllow',
    false,
    'permission to use CXL memory (CXL_ALLOW, bit 21)',
    "Memory beyond CXL lies outside of the machine's own DIMMs.",
  ),
  policyBit(
    'mem-aes-256-xts',
    'memAes256Xts',
    true,
    'demand for AES-256-XTS (MEM_AES_256_XTS, bit 22)',
    'Otherwise memory may be encrypted with AES-128.',
  ),
  policyBit(
    'rapl-disabled',
    'raplDisable',
    true,
    'demand that energy counters be off (RAPL_DIS, bit 23)',
    'The host reads secrets from energy use otherwise (PLATYPUS).',
  ),
  policyBit(
    'ciphertext-hiding',
    'ciphertextHidingDram',
    true,
    'demand for ciphertext hiding (CIPHERTEXT_HIDING_DRAM, bit 24)',
    'Otherwise the host sees when a ciphertext in memory changes (CipherLeaks, Heracles).',
  ),
  policyBit(
    'page-swap-disabled',
    'pageSwapDisable',
    true,
    'demand that pages not be swapped (PAGE_SWAP_DISABLE, bit 25)',
    'Moving pages makes an oracle of the memory encryption (Heracles).',
  ),
  snpField({
    path: ['guest-policy', 'unknown-bits'],
    subject: 'bits of the guest policy that this release does not know',
    purpose: 'A later firmware may give them a meaning that weakens the guest.',
    mend: 'Launch the guest without them, or use a release that knows them.',
    kind: word('refused', 'any', 'none set'),
    actual: ({ report }) =>
      report.policy.unknown === 0n ? 'none set' : `0x${report.policy.unknown.toString(16)}`,
    judge: (_refused, { report }) => passWhen(report.policy.unknown === 0n),
    suggest: ({ report }) => ({ value: report.policy.unknown === 0n ? 'refused' : 'any' }),
  }),
];
