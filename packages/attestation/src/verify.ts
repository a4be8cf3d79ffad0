// SPDX-License-Identifier: Apache-2.0
import { recogniseEvidence } from './evidence.ts';
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
  return verifySnp(recogniseEvidence(options.evidence), options);
}
