// SPDX-License-Identifier: Apache-2.0
import { compareBytes, concatBytes, toHex } from '@enarx/protocol';

import { paddedChipId, type Vek, type VekReading } from '../amd/vek.ts';
import { failed, notApplicable, notReached, outcomeOf, passed, type Outcome } from '../checks.ts';
import type { Anchor } from '../anchors.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readIntermediateName, type AmdChain } from './chain.ts';
import type { snpBindingChecks } from './check-table.ts';
import { signatureNumberLength, signatureNumberUsed } from './form.ts';
import { productOfCpuid } from './product.ts';
import { snpSignatureOffset, type UnverifiedSnpReport } from './report.ts';

/** All but the signature of the report, which takes longer than everything else. */
type BindingOutcomes = Readonly<Record<Exclude<keyof typeof snpBindingChecks, 'snp/signature'>, Outcome>>;

export function bindingNotReached(reason: string): BindingOutcomes {
  const outcome = notReached(reason);
  return {
    'snp/key-certificate': outcome,
    'snp/signing-key': outcome,
    'snp/product': outcome,
    'snp/tcb-certified': outcome,
    'snp/chip-certified': outcome,
  };
}

/**
 * Whether report, endorsement key certificate and chain belong together.
 * @param anchor - where the chain ended
 */
export function checkBinding(
  report: UnverifiedSnpReport,
  chain: AmdChain,
  reading: VekReading,
  anchor: Anchor | undefined,
): BindingOutcomes {
  if ('unreadable' in reading)
    return {
      ...bindingNotReached('the endorsement key certificate cannot be read'),
      'snp/key-certificate': failed(reading.unreadable),
    };
  const { vek } = reading;
  return {
    'snp/key-certificate':
      chain[0].keyKind === 'p384'
        ? passed(`${vek.kind.toUpperCase()} for ${vek.product}`)
        : failed('the certified key is not P-384'),
    'snp/signing-key': checkKind(report, vek, chain),
    'snp/product': checkProduct(report, vek, chain, anchor),
    'snp/tcb-certified': checkTcb(report, vek),
    'snp/chip-certified': checkChip(report, vek),
  };
}

function checkKind(report: UnverifiedSnpReport, vek: Vek, [, intermediate]: AmdChain): Outcome {
  const issuer = readIntermediateName(intermediate.subject.commonName)?.kind;
  const failures: string[] = [];
  if (report.signingKey !== vek.kind)
    failures.push(
      `the report is signed with a ${report.signingKey.toUpperCase()}, the certificate is for a ${vek.kind.toUpperCase()}`,
    );
  if (issuer !== vek.kind)
    failures.push(
      `${intermediate.subject.commonName} does not issue certificates for a ${vek.kind.toUpperCase()}`,
    );
  return outcomeOf(failures, `${vek.kind.toUpperCase()} under ${intermediate.subject.commonName}`);
}

/** A report of version 2 does not say what it runs on: then the certificates alone must agree. Early firmware of Turin wrote it, too. */
function checkProduct(
  report: UnverifiedSnpReport,
  vek: Vek,
  [, intermediate, root]: AmdChain,
  anchor: Anchor | undefined,
): Outcome {
  const { cpuid } = report;
  const failures: string[] = [];
  if (cpuid !== undefined && productOfCpuid(cpuid) !== vek.product)
    failures.push(
      `the report is from family 0x${cpuid.family.toString(16)}, model 0x${cpuid.model.toString(16)} (${productOfCpuid(cpuid) ?? 'no product that we know'}), the certificate is for ${vek.product}`,
    );
  if (readIntermediateName(intermediate.subject.commonName)?.product !== vek.product)
    failures.push(`the certificate for ${vek.product} is issued by ${intermediate.subject.commonName}`);
  if (root.subject.commonName !== `ARK-${vek.product}`)
    failures.push(`the root is ${root.subject.commonName}, expected ARK-${vek.product}`);
  // A vendor's key vouches for the product that it is pinned for; a caller's own key for whatever its certificate says.
  if (anchor?.simulated === false && anchor.name !== `ARK-${vek.product}`)
    failures.push(`the key of the root is pinned as ${anchor.name}`);
  return outcomeOf(failures, vek.product);
}

/** All eight bytes: the certificate is for one TCB, neither older nor newer. */
function checkTcb({ reportedTcb }: UnverifiedSnpReport, { tcb }: Vek): Outcome {
  return compareBytes(reportedTcb, tcb) === 0
    ? passed(toHex(tcb))
    : failed(
        `the certificate is for the TCB ${toHex(tcb)}, the report says ${toHex(reportedTcb)}; fetch the certificate for the reported TCB`,
      );
}

function checkChip({ chipId }: UnverifiedSnpReport, { hardwareId }: Vek): Outcome {
  if (hardwareId === undefined) return notApplicable('a VLEK is for no chip');
  if (chipId.every((byte) => byte === 0))
    return notApplicable('the host masks the chip id; the chip is known from the certificate alone');
  return compareBytes(chipId, paddedChipId(hardwareId)) === 0
    ? passed(toHex(hardwareId))
    : failed(`the certificate is for the chip ${toHex(hardwareId)}, the report is from ${toHex(chipId)}`);
}

/** @param key - of the endorsement key certificate, when the signatures of the chain are good */
export async function checkSignature(
  { bytes }: UnverifiedSnpReport,
  { keyKind }: Certificate,
  key: CryptoKey | undefined,
): Promise<Outcome> {
  if (key === undefined) return notReached('the signatures of the certificates are not good');
  if (keyKind !== 'p384') return notReached('the certified key is not P-384');
  // R and S are little-endian, WebCrypto takes them big-endian. What is cut off is zero, or snp/signature-form fails.
  const number = (at: number): Uint8Array => bytes.subarray(at, at + signatureNumberUsed).toReversed();
  const good = await crypto.subtle.verify(
    { name: 'ECDSA', hash: 'SHA-384' },
    key,
    concatBytes(number(snpSignatureOffset), number(snpSignatureOffset + signatureNumberLength)),
    bytes.subarray(0, snpSignatureOffset) as Uint8Array<ArrayBuffer>,
  );
  return good ? passed('ECDSA P-384 with SHA-384') : failed('the signature of the report is wrong');
}
