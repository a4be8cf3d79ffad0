// SPDX-License-Identifier: Apache-2.0
import { withoutBundles } from '../bundle/bundle.ts';
import { untext } from '../evidence-text.ts';
import { recogniseEvidence } from '../evidence.ts';
import { received } from '../received.ts';
import type { SevClaims } from '../sev/claims.ts';
import { looksLikeSevCertificates } from '../sev/platform-chain.ts';
import { verifySevPlatform } from '../sev/verify.ts';
import type { SnpClaims } from '../snp/claims.ts';
import { snpReportLength } from '../snp/report.ts';
import { verifySnp } from '../snp/verify.ts';
import { unpack } from '../unpack/unpack.ts';
import type { Verification, VerifyOptions } from '../verification.ts';

/**
 * `verifyEvidence` for AMD alone: for pages and programs that shall not carry the other vendors' verifiers. Evidence in a wrapper of another
 * standard (CMW) is not unwrapped.
 * @throws EnarxError of the kinds `malformed` and `unsupported`
 */
export async function verifyAmdEvidence(
  options: VerifyOptions,
): Promise<Verification<SnpClaims | SevClaims>> {
  const given = received(options);
  const { evidence, endorsements } = await unpack(given.evidence);
  const files = [...endorsements, ...given.endorsements];
  return verifyAmd({ ...options, evidence, endorsements: withoutBundles(files, amdFormatOf(evidence)) });
}

/** @param options - evidence and endorsements that are nobody's to change */
export async function verifyAmd(options: VerifyOptions): Promise<Verification<SnpClaims | SevClaims>> {
  const { evidence, endorsements, anchors, at } = options;
  const certificates = sevCertificates(evidence);
  if (certificates === undefined) return verifySnp(recogniseEvidence(evidence), options);
  const others = endorsements.map((bytes) => sevCertificates(bytes) ?? bytes);
  return verifySevPlatform({ certificates: [certificates, ...others], anchors, at });
}

/** Which of AMD's two kinds the evidence would be. */
export const amdFormatOf = (evidence: Uint8Array): 'snp' | 'sev' =>
  sevCertificates(evidence) === undefined ? 'snp' : 'sev';

/** Certificates of a SEV platform in binary, or in the hex or base64 in which QEMU hands them over. */
function sevCertificates(file: Uint8Array): Uint8Array | undefined {
  const bytes = binaryOf(file);
  return bytes.length !== snpReportLength && looksLikeSevCertificates(bytes) ? bytes : undefined;
}

/** What hex or base64 spells; else the bytes themselves. */
export function binaryOf(file: Uint8Array): Uint8Array {
  const text = untext(file);
  return text.kind === 'bytes' ? text.bytes : file;
}
