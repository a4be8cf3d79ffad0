// SPDX-License-Identifier: Apache-2.0
import { amdFormatOf, binaryOf, verifyAmd } from './amd/verify.ts';
import { looksLikeBundle, withoutBundles } from './bundle/bundle.ts';
import { unwrapIfWrapped } from './cmw/unwrap.ts';
import { readDstackNitro } from './dstack/quote.ts';
import { recogniseQuote } from './intel/recognise.ts';
import { looksLikeNitro } from './nitro/recognise.ts';
import { attestationProblem } from './problems.ts';
import { received } from './received.ts';
import { unpack } from './unpack/unpack.ts';
import type { Verification, VerifyOptions } from './verification.ts';

/**
 * Whether evidence is genuine: what it is, who signed it, whether that key is a vendor's and still good. Says nothing on
 * whether anybody wants it.
 *
 * Bad evidence gives a verification with failed checks; only bytes that are no evidence at all are thrown back.
 * @throws EnarxError of the kinds `malformed` and `unsupported`
 */
export async function verifyEvidence(options: VerifyOptions): Promise<Verification> {
  const given = received(options);
  if (looksLikeBundle(given.evidence))
    throw attestationProblem('evidence/unrecognised', {
      found: 'a bundle of collateral',
      expected: 'evidence; this is collateral, which endorses it',
    });
  const wrapped = unwrapIfWrapped(given.evidence);
  const { evidence, endorsements } = await unpack(wrapped?.evidence ?? given.evidence);
  const files = [...endorsements, ...(wrapped?.endorsements ?? []), ...given.endorsements];
  const binary = binaryOf(evidence);
  const plain = readDstackNitro(binary) ?? binary;
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
  return verifyAmd({ ...options, evidence, endorsements: withoutBundles(files, amdFormatOf(evidence)) });
}
