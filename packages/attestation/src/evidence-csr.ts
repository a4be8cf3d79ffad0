// SPDX-License-Identifier: Apache-2.0
import { concatBytes, compareBytes } from '@enarx/protocol';

import { failed, notApplicable, passed, type Outcome, type CheckTable } from './checks.ts';
import { readDer, type DerElement } from './der/reader.ts';
import { explicitTag, tags } from './der/tags.ts';
import { readOid, readSmallInteger } from './der/values.ts';
import { sha384 } from './digest.ts';
import { attestationProblem } from './problems.ts';
import { keyKindOf, signatureAlgorithmOf, type KeyKind } from './x509/algorithms.ts';
import { importPublicKey, verifySignature } from './x509/signature.ts';
import { readSigned, type Signed } from './x509/signed.ts';

export const csrChecks = {
  'csr/signature':
    'The certification request around the report is signed by the key that it asks a certificate for.',
  'csr/key-bound': 'REPORT_DATA is the SHA-384 of the key in the certification request, followed by zeros.',
} as const satisfies CheckTable;

/** Evidence as the first Enarx sent it to its Steward: a PKCS#10 request (RFC 2986) with the report in an extension. */
export interface EvidenceCsr extends Signed {
  readonly report: Uint8Array;
  readonly endorsements: readonly Uint8Array[];
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly keyKind: KeyKind;
}

const extensionRequestOid = '1.2.840.113549.1.9.14';
const snpEvidenceOid = '1.3.6.1.4.1.58270.1.3';

/** A certification request with one extension, in which its maker's evidence is. */
export interface CertificationRequest extends Signed {
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly keyKind: KeyKind;
  /** Object identifier and value of the extension. */
  readonly oid: string;
  readonly value: Uint8Array;
}

/** @throws EnarxError `der/malformed`, `x509/unsupported`, `evidence/unrecognised` */
export function readCertificationRequest(bytes: Uint8Array): CertificationRequest {
  const { body, algorithm, signature } = readSigned(bytes);
  const info = body.reader();
  readSmallInteger(info.next(tags.integer), 0);
  info.next(tags.sequence);
  const publicKey = info.next(tags.sequence).encoded;
  const attributes = info.next(explicitTag(0)).reader();
  info.end();
  const request = attributes.next(tags.sequence).reader();
  expectOid(readOid(request.next(tags.oid)), extensionRequestOid);
  const extensions = readDer(request.next(tags.set).content, tags.sequence).reader();
  const extension = extensions.next(tags.sequence).reader();
  const oid = readOid(extension.next(tags.oid));
  const value = extension.next(tags.octetString).content;
  for (const reader of [attributes, request, extensions, extension]) reader.end();
  return {
    toBeSigned: body.encoded,
    signatureAlgorithm: signatureAlgorithmOf(algorithm),
    signature,
    publicKey,
    keyKind: keyKindOf(publicKey),
    oid,
    value,
  };
}

/** @throws EnarxError `der/malformed`, `x509/unsupported`, `evidence/unrecognised` */
export function readEvidenceCsr(bytes: Uint8Array): EvidenceCsr {
  const { oid, value, ...request } = readCertificationRequest(bytes);
  expectOid(oid, snpEvidenceOid);
  const evidence = readDer(value, tags.sequence).reader();
  const endorsements = readEndorsementsOf(evidence.next(tags.sequence));
  const report = evidence.next(tags.octetString).content;
  evidence.end();
  return { ...request, report, endorsements };
}

/** Either the VCEK certificate, or a sequence of it and of lists with the address of each. */
function readEndorsementsOf(element: DerElement): Uint8Array[] {
  const members = element.reader();
  const first = members.next(tags.sequence);
  const lists = members.next(tags.sequence);
  if (!members.atEnd) return [element.encoded];
  return [first.encoded, ...readListsOf(readDer(lists.content, tags.sequence))];
}

/** Revocation lists, each with its address, as the first Enarx collected them. @throws EnarxError `der/malformed` */
export function readListsOf(element: DerElement): Uint8Array[] {
  const found: Uint8Array[] = [];
  const entries = element.reader();
  while (!entries.atEnd) {
    const entry = entries.next(tags.sequence).reader();
    entry.next(tags.utf8String);
    found.push(entry.next(tags.sequence).encoded);
    entry.end();
  }
  return found;
}

function expectOid(found: string, oid: string): void {
  if (found !== oid)
    throw attestationProblem('evidence/unrecognised', {
      found: `a certification request with ${found}`,
      expected: oid,
    });
}

/** Whether a request is signed by the key that it is for, as whoever asks must show. */
export async function checkCsrSignature(
  csr: (Signed & Pick<EvidenceCsr, 'publicKey' | 'keyKind'>) | undefined,
): Promise<Outcome> {
  if (csr === undefined) return notCsr;
  const key = await importPublicKey(csr.publicKey, csr.keyKind);
  return key !== undefined && csr.signatureAlgorithm.key === csr.keyKind && (await verifySignature(csr, key))
    ? passed(csr.signatureAlgorithm.name)
    : failed('the certification request is not signed by the key in it');
}

export async function checkCsrKey(csr: EvidenceCsr | undefined, reportData: Uint8Array): Promise<Outcome> {
  if (csr === undefined) return notCsr;
  const digest = await sha384(csr.publicKey);
  return compareBytes(reportData, concatBytes(digest, new Uint8Array(16))) === 0
    ? passed('the report is for this key')
    : failed('the report is not for the key in the certification request');
}

const notCsr = notApplicable('the evidence is no certification request');
