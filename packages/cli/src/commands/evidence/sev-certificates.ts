// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

import { binaryOf } from '@enarx/attestation';
import { readSevCertificates, type CaCertificate, type SevCertificate } from '@enarx/attestation/sev';

import type { Json } from '../../output.ts';
import { claimsJson } from './claims.ts';

/**
 * Certificates of legacy SEV that are not those of one whole platform: a PDH alone, AMD's ask_ark file.
 * @throws EnarxError `sev/certificate-malformed`
 */
export function sevCertificatesJson(file: Uint8Array): Json {
  return { certificates: readSevCertificates(binaryOf(file)).map(certificateJson) };
}

/** Keys are shown by the digests that other places know them by: anchors, and the claims of a platform. */
function certificateJson(certificate: SevCertificate | CaCertificate): Json {
  const { usage, algorithm } = certificate;
  if ('signatures' in certificate) {
    const { api, point, keyBlob, signatures } = certificate;
    const signedBy = signatures.map((signature) => signature.usage);
    return claimsJson({ usage, algorithm, api, point, keyDigest: sha256(keyBlob), signedBy });
  }
  const { keyId, issuerId, publicKey } = certificate;
  return claimsJson({ usage, algorithm, keyId, issuerId, spkiDigest: sha256(publicKey) });
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
