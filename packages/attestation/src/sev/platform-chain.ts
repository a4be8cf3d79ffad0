// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';
import { usageOf } from './algorithms.ts';
import { caCertificateLengthAt, readCaCertificate, type CaCertificate } from './ca-certificate.ts';
import {
  isSevUsage,
  readSevCertificate,
  sevCertificateLength,
  type SevCertificate,
  type SevUsage,
} from './certificate.ts';

/** A platform's certificates as read; nothing about them is proven. */
export interface PlatformChain {
  readonly pdh: SevCertificate;
  readonly pek: SevCertificate;
  readonly oca: SevCertificate;
  readonly cek: SevCertificate;
  /** One at least of each. More than one is well when whoever gives them does not know the processor. */
  readonly asks: readonly [CaCertificate, ...CaCertificate[]];
  readonly arks: readonly [CaCertificate, ...CaCertificate[]];
}

/** Whether bytes begin as a certificate of a platform or of AMD in this binary form. */
export function looksLikeSevCertificates(bytes: Uint8Array): boolean {
  return lengthAt(bytes) !== undefined;
}

/**
 * Sorts certificates by what they say they are. They may come alone or one after the other, in any order: PDH and the
 * `cert-chain` of QEMU's `query-sev-capabilities`, the file of `sevctl export`, AMD's `ask_ark_*.cert`, a CEK as AMD's key
 * server gives it. A platform gives its CEK without AMD's signature; such a one gives way to the signed one with the same
 * key.
 *
 * @throws EnarxError `sev/certificate-malformed`, `sev/chain-incomplete`, `sev/chain-ambiguous`
 */
export function readPlatformChain(files: readonly Uint8Array[]): PlatformChain {
  const certificates = files.flatMap(readSevCertificates);
  const platform = certificates.filter((one): one is SevCertificate => 'signatures' in one);
  const authorities = certificates.filter((one): one is CaCertificate => 'keyId' in one);
  return {
    pdh: only(platform, 'PDH'),
    pek: only(platform, 'PEK'),
    oca: only(platform, 'OCA'),
    cek: only(platform, 'CEK'),
    asks: some(authorities, 'ASK'),
    arks: some(authorities, 'ARK'),
  };
}

/**
 * Reads the certificates that stand in a file, one after the other; which ones they are is left open.
 * @throws EnarxError `sev/certificate-malformed`
 */
export function readSevCertificates(file: Uint8Array): (SevCertificate | CaCertificate)[] {
  return split(file).map((bytes) =>
    bytes.length === sevCertificateLength ? readSevCertificate(bytes) : readCaCertificate(bytes),
  );
}

function split(file: Uint8Array): Uint8Array[] {
  const certificates: Uint8Array[] = [];
  for (let at = 0; at < file.length;) {
    const rest = file.subarray(at);
    const length = lengthAt(rest);
    if (length === undefined)
      throw attestationProblem('sev/certificate-malformed', {
        found: `${String(rest.length)} bytes that begin no certificate, after ${String(certificates.length)} certificates`,
      });
    certificates.push(rest.subarray(0, length));
    at += length;
  }
  return certificates;
}

/** Length of the certificate that begins here; the last may be cut off, which its reader then says. */
function lengthAt(bytes: Uint8Array): number | undefined {
  if (bytes.length < 12) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0, true) !== 1) return undefined;
  // Where a platform's certificate has its usage, AMD's have a part of a random key id.
  if (isSevUsage(usageOf(view.getUint32(8, true)))) return sevCertificateLength;
  return caCertificateLengthAt(bytes);
}

function only(certificates: readonly SevCertificate[], usage: SevUsage): SevCertificate {
  const all = certificates.filter((certificate) => certificate.usage === usage);
  const signed = all.filter(({ signatures }) => signatures.length > 0);
  const [first, ...more] = [...signed, ...all];
  if (first === undefined) throw incomplete(usage);
  const other = more.find((certificate) => !says(certificate, first));
  if (other !== undefined)
    throw attestationProblem('sev/chain-ambiguous', { found: `two different ${usage}s` });
  return first;
}

/** Whether a certificate is the other one, or the other one without its signatures. */
function says(certificate: SevCertificate, other: SevCertificate): boolean {
  return certificate.signatures.length === 0
    ? compareBytes(certificate.keyBlob, other.keyBlob) === 0
    : compareBytes(certificate.encoded, other.encoded) === 0;
}

function some(
  certificates: readonly CaCertificate[],
  usage: 'ASK' | 'ARK',
): [CaCertificate, ...CaCertificate[]] {
  const [first, ...more] = certificates.filter((certificate) => certificate.usage === usage);
  if (first === undefined) throw incomplete(usage);
  return [first, ...more];
}

function incomplete(usage: string): Error {
  return attestationProblem('sev/chain-incomplete', {
    found: `no ${usage}`,
    expected: 'PDH, PEK, OCA, CEK, ASK and ARK',
  });
}
