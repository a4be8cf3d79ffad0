// SPDX-License-Identifier: Apache-2.0
import { compareBytes, concatBytes, decodeCbor } from '@enarx/protocol';

import { failed, notApplicable, passed, type Outcome } from '../checks.ts';
import { readDer } from '../der/reader.ts';
import { explicitTag, tags } from '../der/tags.ts';
import { readOid } from '../der/values.ts';
import { sha256 } from '../digest.ts';
import { readDstackTdx } from '../dstack/quote.ts';
import { checkCsrSignature, type CertificationRequest } from '../evidence-csr.ts';
import { writePem } from '../pem.ts';
import { withoutOpenEnclaveHeader } from './open-enclave.ts';
import { quoteFormatOf } from './quote.ts';

/** A quote out of the certificate of a TLS server that is an enclave (CCC interoperable RA-TLS, and what came before it). */
export interface CertifiedQuote {
  readonly quote: Uint8Array;
  /** CBOR map whose SHA-256 the quote is for; `undefined` where the quote is for the key itself. */
  readonly claims: Uint8Array | undefined;
  /** SubjectPublicKeyInfo of the certificate. */
  readonly publicKey: Uint8Array;
  /** The request, where it came in one: whoever asks for a certificate must show that the key is theirs. */
  readonly request?: CertificationRequest;
}

/** TCG DICE tagged evidence. */
const taggedEvidenceOid = '2.23.133.5.4.9';
/** CBOR tag 60000 around an array of two byte strings: the quote and the claims. */
const quoteTag = [0xd9, 0xea, 0x60, 0x82] as const;

/**
 * The quote in a certificate’s extensions, wherever it is: older tools put it bare under object identifiers of their own, one of which
 * Intel uses for something else in PCK certificates, so that the content tells and not the identifier. The certificate’s signature is
 * its own and proves nothing; who holds the key, TLS shows.
 * @returns `undefined` when there is none
 * @throws EnarxError `der/malformed`
 */
export function readCertifiedQuote(der: Uint8Array): CertifiedQuote | undefined {
  const fields = readDer(der, tags.sequence).reader().next(tags.sequence).reader();
  if (fields.optional(explicitTag(0)) === undefined) return undefined;
  fields.next(tags.integer);
  // Algorithm, issuer, validity, subject.
  for (let index = 0; index < 4; index += 1) fields.next(tags.sequence);
  const publicKey = fields.next(tags.sequence).encoded;
  const extensions = fields.optional(explicitTag(3));
  if (extensions === undefined) return undefined;
  const list = readDer(extensions.content, tags.sequence).reader();
  let bare: CertifiedQuote | undefined;
  while (!list.atEnd) {
    const extension = list.next(tags.sequence).reader();
    const identifier = extension.next(tags.oid);
    extension.optional(tags.boolean);
    const value = extension.next(tags.octetString).content;
    const quote = quoteIn(value);
    if (quoteFormatOf(quote) !== undefined) bare ??= { quote, claims: undefined, publicKey };
    else if (
      quoteTag.every((byte, index) => value[index] === byte) &&
      readOid(identifier) === taggedEvidenceOid
    ) {
      const [tagged, claims] = byteStrings(value.subarray(quoteTag.length));
      if (tagged !== undefined && claims !== undefined) return { quote: tagged, claims, publicKey };
    }
  }
  return bare;
}

/** What an extension holds, out of the wrappers of Open Enclave and dstack; the latter puts an octet string into the octet string. */
function quoteIn(value: Uint8Array): Uint8Array {
  // A quote of version 4 begins as an octet string does.
  if (quoteFormatOf(value) !== undefined || value[0] !== tags.octetString)
    return withoutOpenEnclaveHeader(value) ?? value;
  const { content } = readDer(value, tags.octetString);
  return readDstackTdx(content)?.quote ?? content;
}

/** CBOR byte strings with a length of one or two bytes, one after the other. */
function byteStrings(bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const [head, high = 0, low = 0] = bytes.subarray(at);
    const [start, length] =
      head === 0x59 ? [at + 3, high * 256 + low] : head === 0x58 ? [at + 2, high] : [0, -1];
    if (length < 0 || start + length > bytes.length) return [];
    found.push(bytes.subarray(start, start + length));
    at = start + length;
  }
  return found;
}

/** As Open Enclave hashes keys: the text of the C library, with the zero that ends it (common/attest_plugin.c). */
function terminatedPem(publicKey: Uint8Array): Uint8Array {
  return new TextEncoder().encode(`${writePem('PUBLIC KEY', publicKey)}\0`);
}

/** As dstack’s guests bind keys, with the purpose in front (dstack-attest/src/attestation.rs, `to_report_data`); 64 bytes. */
async function dstackDigest(publicKey: Uint8Array): Promise<Uint8Array> {
  const bound = concatBytes(new TextEncoder().encode('ratls-cert:'), publicKey);
  return new Uint8Array(await crypto.subtle.digest('SHA-512', bound));
}

const algorithms: ReadonlyMap<unknown, string> = new Map([
  [1, 'SHA-256'],
  [7, 'SHA-384'],
  [8, 'SHA-512'],
]);

/** Whether the quote was made for the certificate’s key: else anybody could put somebody’s quote into a certificate. */
export async function checkCertificateKey(
  certified: CertifiedQuote | undefined,
  reportData: Uint8Array,
): Promise<Outcome> {
  if (certified === undefined) return notApplicable('the evidence is no certificate');
  const { claims, publicKey, request } = certified;
  const possession = await checkCsrSignature(request);
  if (possession.status === 'fail') return possession;
  const isFor = async (bytes: Uint8Array): Promise<boolean> =>
    compareBytes(reportData, concatBytes(await sha256(bytes), new Uint8Array(32))) === 0;
  if (claims === undefined) {
    if (await isFor(publicKey)) return passed('the quote is for the SHA-256 of the key');
    if (await isFor(terminatedPem(publicKey)))
      return passed('the quote is for the SHA-256 of the key in PEM');
    return compareBytes(reportData, await dstackDigest(publicKey)) === 0
      ? passed('the quote is for the SHA-512 of the key, as dstack’s are')
      : failed('the quote is for another key than that of the certificate');
  }
  if (!(await isFor(claims))) return failed('the quote is for other claims than those of the certificate');
  try {
    const hash = (decodeCbor(claims, claims.length) as ReadonlyMap<unknown, unknown>).get('pubkey-hash');
    const [algorithm, digest] = decodeCbor(hash as Uint8Array, 128) as readonly unknown[];
    const actual = new Uint8Array(
      await crypto.subtle.digest(algorithms.get(algorithm) as string, publicKey as Uint8Array<ArrayBuffer>),
    );
    return compareBytes(digest as Uint8Array, actual) === 0
      ? passed(`the quote is for claims with the ${algorithms.get(algorithm) as string} of the key`)
      : failed('the claims are for another key than that of the certificate');
  } catch {
    return failed('the claims do not say which key they are for');
  }
}
