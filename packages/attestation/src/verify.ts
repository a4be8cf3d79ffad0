// SPDX-License-Identifier: Apache-2.0
import { withoutBundles } from './bundle/bundle.ts';
import { unwrapIfWrapped } from './cmw/unwrap.ts';
import { untext } from './evidence-text.ts';
import { maxEvidenceLength, recogniseEvidence } from './evidence.ts';
import { recogniseQuote } from './intel/recognise.ts';
import { looksLikeNitro } from './nitro/recognise.ts';
import { attestationProblem } from './problems.ts';
import { looksLikeSevCertificates } from './sev/platform-chain.ts';
import { verifySevPlatform } from './sev/verify.ts';
import { snpReportLength } from './snp/report.ts';
import { verifySnp } from './snp/verify.ts';
import type { Verification, VerifyOptions } from './verification.ts';

/**
 * Whether evidence is genuine: what it is, who signed it, whether that key is a vendor's and still good. Says nothing on
 * whether anybody wants it.
 *
 * Bad evidence gives a verification with failed checks; only bytes that are no evidence at all are thrown back.
 * @throws EnarxError of the kinds `malformed` and `unsupported`
 */
export async function verifyEvidence(options: VerifyOptions): Promise<Verification> {
  const size = options.endorsements.reduce((sum, { length }) => sum + length, 0);
  if (Math.max(size, options.evidence.length) > maxEvidenceLength)
    throw attestationProblem('evidence/too-large', {
      found: `${String(options.evidence.length)} bytes of evidence, ${String(size)} of endorsements`,
    });
  // A copy, since the caller may go on writing while we wait; and plain, since in Node `slice` of a Buffer shares its memory.
  const received = new Uint8Array(options.evidence);
  const given = options.endorsements.map((bytes) => new Uint8Array(bytes));
  const { evidence, endorsements: wrapped } = unwrapIfWrapped(received) ?? {
    evidence: received,
    endorsements: [],
  };
  const files = [...wrapped, ...given];
  const plain = binaryOf(evidence);
  // Each vendor's verifier is loaded when its evidence is first met: a browser gets none that it does not need.
  if (looksLikeNitro(plain)) {
    const { verifyNitro } = await import('./nitro/verify.ts');
    return verifyNitro({ ...options, evidence: plain, endorsements: withoutBundles(files, 'nitro') });
  }
  const quote = recogniseQuote(evidence);
  if (quote !== undefined) {
    const { verifyQuote } = await import('./intel/verify.ts');
    return verifyQuote(quote, { ...options, evidence, endorsements: withoutBundles(files, quote.format) });
  }
  const certificates = sevCertificates(evidence);
  if (certificates === undefined)
    return verifySnp(recogniseEvidence(evidence), {
      ...options,
      evidence,
      endorsements: withoutBundles(files, 'snp'),
    });
  const others = withoutBundles(files, 'sev').map((bytes) => sevCertificates(bytes) ?? bytes);
  return verifySevPlatform({
    certificates: [certificates, ...others],
    anchors: options.anchors,
    at: options.at,
  });
}

/** Certificates of a SEV platform in binary, or in the hex or base64 in which QEMU hands them over. */
function sevCertificates(received: Uint8Array): Uint8Array | undefined {
  const bytes = binaryOf(received);
  return bytes.length !== snpReportLength && looksLikeSevCertificates(bytes) ? bytes : undefined;
}

/** What hex or base64 spells; else the bytes themselves. */
function binaryOf(received: Uint8Array): Uint8Array {
  const text = untext(received);
  return text.kind === 'bytes' ? text.bytes : received;
}
