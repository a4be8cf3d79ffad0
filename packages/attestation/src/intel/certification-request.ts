// SPDX-License-Identifier: Apache-2.0
import { readDer, type DerElement } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readCertificationRequest, readListsOf } from '../evidence-csr.ts';
import type { CertifiedQuote } from './ra-tls.ts';

const sgxEvidenceOid = '1.3.6.1.4.1.58270.1.2';

/**
 * A quote of SGX as the first Enarx sent it to its Steward: a PKCS#10 request whose extension has the quote, alone in the first releases,
 * later with Intel's revocation lists, at last with the TCB info and the certificates of its signer.
 * @returns `undefined` for a request with other evidence
 * @throws EnarxError `der/malformed`, `x509/unsupported`, `evidence/unrecognised`
 */
export function readRequestedQuote(
  bytes: Uint8Array,
): { readonly certified: CertifiedQuote; readonly endorsements: readonly Uint8Array[] } | undefined {
  const request = readCertificationRequest(bytes);
  if (request.oid !== sgxEvidenceOid) return undefined;
  const requested = (
    quote: Uint8Array,
    endorsements: readonly Uint8Array[],
  ): ReturnType<typeof readRequestedQuote> => ({
    certified: { quote, claims: undefined, publicKey: request.publicKey, request },
    endorsements,
  });
  if (request.value[0] !== tags.sequence) return requested(request.value, []);
  const evidence = readDer(request.value, tags.sequence).reader();
  const quote = evidence.next(tags.octetString).content;
  const lists = readListsOf(readDer(evidence.next(tags.sequence).content, tags.sequence));
  const tcb = evidence.optional(tags.sequence);
  evidence.end();
  return requested(quote, [...lists, ...(tcb === undefined ? [] : readTcbPackage(tcb))]);
}

/** Certificates of the signer of the TCB info, and that. */
function readTcbPackage(element: DerElement): Uint8Array[] {
  const members = element.reader();
  const certificates = members.next(tags.sequence).reader();
  const found: Uint8Array[] = [];
  while (!certificates.atEnd) found.push(certificates.next(tags.sequence).encoded);
  found.push(members.next(tags.octetString).content);
  members.end();
  return found;
}
