// SPDX-License-Identifier: Apache-2.0
import { compareBytes, concatBytes, fromHex, toHex } from '@enarx/protocol';

import { sha256 } from '../../digest.ts';
import { intelProblem } from '../problems.ts';
import { readSgxAttributes, type SgxAttributes } from './report.ts';

/** What the signer of an enclave says of it (Intel SDM volume 3D, table 34-19). */
export interface Sigstruct {
  /** 32: the measurement that the processor will accept. */
  readonly mrEnclave: Uint8Array;
  /** 32: SHA-256 of the signer’s modulus. */
  readonly mrSigner: Uint8Array;
  /** As `yyyymmdd`. */
  readonly date: string;
  readonly miscSelect: number;
  readonly miscMask: number;
  readonly attributes: SgxAttributes;
  /** 16: which attributes must be as given; one that leaves DEBUG out lets the host open the enclave. */
  readonly attributesMask: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  /** 16 each. */
  readonly isvFamilyId: Uint8Array;
  readonly isvExtProdId: Uint8Array;
}

export const sigstructLength = 1808;
const header = fromHex('06000000e10000000000010000000000') as Uint8Array;
const header2 = fromHex('01010000600000006000000001000000') as Uint8Array;
const numberLength = 384;
const exponent = 3;

/**
 * Reads a SIGSTRUCT and checks its signature: RSA-3072 with exponent 3, PKCS #1 v1.5 with SHA-256, over bytes 0 to 127 and 900 to
 * 1027. The quotients Q1 and Q2 are looked at too, since a processor refuses an enclave whose are wrong.
 * @throws EnarxError `sgx/sigstruct-malformed`, `sgx/sigstruct-rejected`
 */
export async function verifySigstruct(bytes: Uint8Array): Promise<Sigstruct> {
  if (bytes.length !== sigstructLength) throw malformed(`${String(bytes.length)} bytes`);
  const part = (at: number, length: number): Uint8Array => bytes.subarray(at, at + length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (compareBytes(part(0, 16), header) !== 0 || compareBytes(part(24, 16), header2) !== 0)
    throw malformed('another header');
  if (view.getUint32(512, true) !== exponent)
    throw malformed(`the exponent ${String(view.getUint32(512, true))}`);
  const reserved = [part(44, 84), part(908, 4), part(992, 16), part(1028, 12)];
  if (reserved.some((range) => range.some((byte) => byte !== 0)))
    throw malformed('reserved bytes that are not zero');
  const modulus = part(128, numberLength);
  if (((modulus[0] as number) & 1) === 0 || (modulus[numberLength - 1] as number) < 0x80)
    throw malformed('a modulus that is not an odd number of 3072 bits');
  if (!(await isSigned(modulus, part(516, numberLength), concatBytes(part(0, 128), part(900, 128)))))
    throw intelProblem('sgx/sigstruct-rejected', {
      found: 'a signature by another key, or of other content',
    });
  checkQuotients(modulus, part(516, numberLength), part(1040, numberLength), part(1424, numberLength));
  return {
    mrEnclave: part(960, 32),
    mrSigner: await sha256(modulus),
    date: toHex(part(20, 4).toReversed()),
    miscSelect: view.getUint32(900, true),
    miscMask: view.getUint32(904, true),
    attributes: readSgxAttributes(part(928, 16)),
    attributesMask: part(944, 16),
    isvProdId: view.getUint16(1024, true),
    isvSvn: view.getUint16(1026, true),
    isvFamilyId: part(912, 16),
    isvExtProdId: part(1008, 16),
  };
}

/** Numbers are little-endian here and big-endian in WebCrypto. */
async function isSigned(modulus: Uint8Array, signature: Uint8Array, signed: Uint8Array): Promise<boolean> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
  const jwk = { kty: 'RSA', n: base64Url(modulus.toReversed()), e: base64Url(Uint8Array.of(exponent)) };
  const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
  return crypto.subtle.verify(
    algorithm,
    key,
    new Uint8Array(signature.toReversed()),
    signed as Uint8Array<ArrayBuffer>,
  );
}

/** Q1 = ⌊s² / n⌋ and Q2 = ⌊(s³ - Q1·s·n) / n⌋, with which the processor checks the signature without dividing. */
function checkQuotients(...numbers: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]): void {
  const [n, s, q1, q2] = numbers.map((bytes) => BigInt(`0x${toHex(bytes.toReversed())}`)) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  if (q1 !== (s * s) / n || q2 !== (s * s * s - q1 * s * n) / n)
    throw malformed('Q1 or Q2 of another signature');
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '');
}

function malformed(found: string): Error {
  return intelProblem('sgx/sigstruct-malformed', { found });
}
