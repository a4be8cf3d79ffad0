// SPDX-License-Identifier: Apache-2.0
import { contentsOf, readDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readCertificationRequest, readListsOf } from '../evidence-csr.ts';
import type { CertifiedQuote } from './ra-tls.ts';

const sgxEvidenceOid = '1.3.6.1.4.1.58270.1.2';

/**
 * A quote of SGX as the first Enarx sent it to its Steward: a PKCS#10 request whose extension has the quote, Intel's revocation lists, and
 * the TCB info with the certificates of its signer.
 * @returns `undefined` for a request with other evidence
 * @throws EnarxError `der/malformed`, `x509/unsupported`, `evidence/unrecognised`
 */
export function readRequestedQuote(
  bytes: Uint8Array,
): { readonly certified: CertifiedQuote; readonly endorsements: readonly Uint8Array[] } | undefined {
  const request = readCertificationRequest(bytes);
  if (request.oid !== sgxEvidenceOid) return undefined;
  const evidence = contentsOf(readDer(request.value, tags.sequence));
  const quote = evidence.next(tags.octetString).content;
  const lists = readListsOf(readDer(evidence.next(tags.sequence).content, tags.sequence));
  const tcb = contentsOf(evidence.next(tags.sequence));
  const certificates = contentsOf(tcb.next(tags.sequence));
  const signers: Uint8Array[] = [];
  while (!certificates.atEnd) signers.push(certificates.next(tags.sequence).encoded);
  const tcbInfo = tcb.next(tags.octetString).content;
  tcb.end();
  evidence.end();
  return {
    certified: { quote, claims: undefined, publicKey: request.publicKey, request },
    endorsements: [...lists, ...signers, tcbInfo],
  };
}
