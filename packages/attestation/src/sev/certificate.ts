// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';
import { algorithmOf, usageOf, type Algorithm, type Usage } from './algorithms.ts';
import { keyBlobLength, readKeyBlob, signatureBlobLength } from './ecc.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Kinds of certificate below AMD's own. */
export type SevUsage = 'OCA' | 'PEK' | 'PDH' | 'CEK';

/** Version of the SEV API. */
export interface ApiVersion {
  readonly major: number;
  readonly minor: number;
}

/** One slot that holds a signature. */
export interface SlotSignature {
  /** Whose it says it is. */
  readonly usage: Usage;
  readonly algorithm: Algorithm;
  /** 512 bytes as they stand there. */
  readonly blob: Uint8Array;
}

/** A SEV certificate as read; nothing about it is proven. */
export interface SevCertificate {
  readonly encoded: Bytes;
  /** What signatures cover: the first 1044 bytes. */
  readonly toBeSigned: Bytes;
  readonly api: ApiVersion;
  readonly usage: SevUsage;
  readonly algorithm: Algorithm;
  /** 04 ‖ X ‖ Y, 97 bytes; not yet known to be on the curve. */
  readonly point: Bytes;
  /** AMD's form of the key, 1028 bytes. */
  readonly keyBlob: Bytes;
  /** The slots that are in use, one or two or none. */
  readonly signatures: readonly SlotSignature[];
}

export const sevCertificateLength = 2084;

export const sevCertificateVersion = 1;
/** Where the parts of a certificate stand. */
export const sevCertificateOffsets = {
  apiMajor: 4,
  apiMinor: 5,
  reserved: 6,
  usage: 8,
  algorithm: 0xc,
  key: 0x10,
} as const;
export const sevSignedLength = 0x414;
/** Each slot: usage, algorithm, signature. */
export const slotOffsets = [0x414, 0x61c] as const;

/**
 * Reads one certificate of 2084 bytes (SEV API specification, appendix C.1). Strict: what no signature covers has one
 * spelling, so the slots that are not in use are marked so and zero.
 * @throws EnarxError `sev/certificate-malformed`
 */
export function readSevCertificate(bytes: Uint8Array): SevCertificate {
  if (bytes.length !== sevCertificateLength) throw malformed(`${String(bytes.length)} bytes`, '2084 bytes');
  const encoded = Uint8Array.from(bytes);
  const view = new DataView(encoded.buffer);
  if (
    view.getUint32(0, true) !== sevCertificateVersion ||
    view.getUint16(sevCertificateOffsets.reserved, true) !== 0
  )
    throw malformed(`the head ${toHex(encoded.subarray(0, 8))}`, 'version 1');
  const usageCode = view.getUint32(sevCertificateOffsets.usage, true);
  const usage = usageOf(usageCode);
  if (!isSevUsage(usage)) throw malformed(`usage 0x${usageCode.toString(16)}`, 'OCA, PEK, PDH or CEK');
  const keyBlob = encoded.slice(sevCertificateOffsets.key, sevCertificateOffsets.key + keyBlobLength);
  const point = readKeyBlob(keyBlob, 'any');
  if (typeof point === 'string') throw malformed(point);
  return {
    encoded,
    toBeSigned: encoded.slice(0, sevSignedLength),
    api: {
      major: view.getUint8(sevCertificateOffsets.apiMajor),
      minor: view.getUint8(sevCertificateOffsets.apiMinor),
    },
    usage,
    algorithm: knownAlgorithm(view.getUint32(sevCertificateOffsets.algorithm, true)),
    point,
    keyBlob,
    signatures: slotOffsets.flatMap((at) => readSlot(encoded, view, at)),
  };
}

/** A platform's own kinds of certificate. */
export function isSevUsage(usage: Usage | undefined): usage is SevUsage {
  return usage === 'OCA' || usage === 'PEK' || usage === 'PDH' || usage === 'CEK';
}

function readSlot(encoded: Bytes, view: DataView, at: number): SlotSignature[] {
  const code = view.getUint32(at, true);
  const usage = usageOf(code);
  const algorithm = view.getUint32(at + 4, true);
  const blob = encoded.subarray(at + 8, at + 8 + signatureBlobLength);
  if (usage === undefined) throw malformed(`a signature of usage 0x${code.toString(16)}`);
  if (usage === 'none') {
    if (algorithm !== 0 || blob.some((byte) => byte !== 0))
      throw malformed('an unused slot that is not empty');
    return [];
  }
  return [{ usage, algorithm: knownAlgorithm(algorithm), blob }];
}

function knownAlgorithm(code: number): Algorithm {
  const algorithm = algorithmOf(code);
  if (algorithm === undefined) throw malformed(`algorithm 0x${code.toString(16)}`);
  return algorithm;
}

function malformed(found: string, expected?: string): Error {
  return attestationProblem('sev/certificate-malformed', {
    found,
    expected,
  });
}
