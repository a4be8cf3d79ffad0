// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { failed, notReached, outcomeOf, passed, type Outcome } from '../checks.ts';
import type { snpFormChecks } from './check-table.ts';
import type { SnpClaims } from './claims.ts';
import { hostRequestedVmpl, snpSignatureOffset, type UnverifiedSnpReport } from './report.ts';
import { componentsBelow, formatTcb, unusedTcbBytes, type TcbLayout } from './tcb.ts';

/** Value of SIGNATURE_ALGO for ECDSA P-384 with SHA-384, the only one (SEV-SNP ABI, chapter 10). */
const ecdsaP384Sha384 = 1;
/** Bytes of R and of S; a P-384 number fills the low 48. */
export const signatureNumberLength = 72;
export const signatureNumberUsed = 48;

/** What the report must be by itself, whoever signed it. */
export function checkForm(
  report: UnverifiedSnpReport,
  tcb: SnpClaims['tcb'],
  layout: TcbLayout | undefined,
): Readonly<Record<keyof typeof snpFormChecks, Outcome>> {
  return {
    'snp/version': passed(`version ${String(report.version)}`),
    'snp/signature-algorithm':
      report.signatureAlgorithm === ecdsaP384Sha384
        ? passed('1, ECDSA P-384 with SHA-384')
        : failed(`SIGNATURE_ALGO is ${String(report.signatureAlgorithm)}, not 1`),
    'snp/reserved': outcomeOf(
      reservedRanges(report).flatMap(([start, end]) =>
        report.bytes.subarray(start, end).every((byte) => byte === 0)
          ? []
          : [`bytes 0x${start.toString(16)} to 0x${(end - 1).toString(16)} are not zero`],
      ),
      'zero',
    ),
    'snp/signature-form': checkSignatureForm(report.bytes),
    'snp/guest-policy': report.policy.reservedOne
      ? passed(`policy 0x${report.policy.raw.toString(16)}`)
      : failed(`bit 17 of the policy 0x${report.policy.raw.toString(16)} is zero`),
    'snp/requested-by-guest': checkVmpl(report.vmpl),
    'snp/key-not-masked': checkSigningKey(report),
    'snp/tcb-form': checkTcbForm(report, layout),
    'snp/tcb-order': checkTcbOrder(tcb),
  };
}

/** MBZ fields outside POLICY and PLATFORM_INFO (SEV-SNP ABI, table 23), as half-open ranges. */
function reservedRanges({ version, bytes }: UnverifiedSnpReport): [start: number, end: number][] {
  const ranges: [number, number][] = [
    // Bits 31:8 of the key information, and the field behind it.
    [0x49, 0x50],
    // Before version 3 the three bytes of CPUID were reserved too.
    [version >= 3 ? 0x18b : 0x188, 0x1a0],
    [0x1eb, 0x1ec],
    [0x1ef, 0x1f0],
    // Version 5 put the mitigation vectors first.
    [version >= 5 ? 0x208 : 0x1f8, snpSignatureOffset],
  ];
  // Bits 7:5 of the key information.
  if (((bytes[0x48] as number) & 0xe0) !== 0) ranges.unshift([0x48, 0x49]);
  return ranges;
}

/** What a signature leaves uncovered must be fixed, or one report would have many spellings that all verify. */
function checkSignatureForm(bytes: Uint8Array): Outcome {
  const r = snpSignatureOffset;
  const s = r + signatureNumberLength;
  const end = s + signatureNumberLength;
  const parts: [string, Uint8Array][] = [
    ['R', bytes.subarray(r + signatureNumberUsed, s)],
    ['S', bytes.subarray(s + signatureNumberUsed, end)],
    ['the rest of the field', bytes.subarray(end)],
  ];
  const dirty = parts.filter(([, part]) => part.some((byte) => byte !== 0));
  return outcomeOf(
    dirty.map(([name]) => `${name} has bytes that must be zero`),
    'R and S of 48 bytes, zeros behind',
  );
}

function checkVmpl(vmpl: number): Outcome {
  if (vmpl <= 3) return passed(`VMPL ${String(vmpl)}`);
  return failed(
    vmpl === hostRequestedVmpl
      ? 'the host asked for this report: it says nothing of what the guest wants to prove'
      : `VMPL is ${String(vmpl)}, expected 0 to 3`,
  );
}

/** With MASK_CHIP_KEY the firmware writes zeros for the signature; with SIGNING_KEY 7 there is no key. */
function checkSigningKey({ maskChipKey, signingKey }: UnverifiedSnpReport): Outcome {
  if (maskChipKey) return failed('MASK_CHIP_KEY is set: the host has the reports left unsigned');
  return signingKey === 'vcek' || signingKey === 'vlek'
    ? passed(`signed with a ${signingKey.toUpperCase()}`)
    : failed(`SIGNING_KEY is ${signingKey}, expected VCEK or VLEK`);
}

const productUnknown = notReached('the product is not known, and with it the layout of the TCB');
const tcbFields = ['current', 'reported', 'committed', 'launch'] as const;

function checkTcbForm(report: UnverifiedSnpReport, layout: TcbLayout | undefined): Outcome {
  if (layout === undefined) return productUnknown;
  const failures = tcbFields.flatMap((name) => {
    const unused = unusedTcbBytes(report[`${name}Tcb`], layout);
    return unused.every((byte) => byte === 0) ? [] : [`${name} TCB has ${toHex(unused)} where zeros belong`];
  });
  return outcomeOf(failures, 'zero');
}

function checkTcbOrder(tcb: SnpClaims['tcb']): Outcome {
  if (tcb === undefined) return productUnknown;
  const pairs = [
    ['reported', 'committed'],
    ['committed', 'current'],
    ['launch', 'current'],
  ] as const;
  const failures = pairs.flatMap(([low, high]) =>
    componentsBelow(tcb[high], tcb[low]).map(
      (component) =>
        `${component} of the ${low} TCB is ${String(tcb[low][component])}, of the ${high} ${String(tcb[high][component])}`,
    ),
  );
  return outcomeOf(failures, `reported: ${formatTcb(tcb.reported)}`);
}
