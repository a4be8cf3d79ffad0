// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { readDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readInteger, readOctetsOfBitString, readOid } from '../der/values.ts';
import { attestationProblem } from '../problems.ts';

/** Kinds of public key that vendor chains use. */
export type KeyKind = 'rsa' | 'p256' | 'p384';

/** How a certificate or list is signed. */
export interface SignatureAlgorithm {
  readonly name: string;
  readonly key: KeyKind;
  readonly verifyParameters: RsaPssParams | EcdsaParams;
}

const rsaPssSha384: SignatureAlgorithm = {
  name: 'RSASSA-PSS SHA-384 salt 48',
  key: 'rsa',
  verifyParameters: { name: 'RSA-PSS', saltLength: 48 },
};
const ecdsaP256Sha256: SignatureAlgorithm = {
  name: 'ECDSA P-256 SHA-256',
  key: 'p256',
  verifyParameters: { name: 'ECDSA', hash: 'SHA-256' },
};
const ecdsaP384Sha384: SignatureAlgorithm = {
  name: 'ECDSA P-384 SHA-384',
  key: 'p384',
  verifyParameters: { name: 'ECDSA', hash: 'SHA-384' },
};

/** SHA-384, MGF1 with SHA-384, salt 48: AlgorithmIdentifier of RFC 4055 up to where the trailer field may stand. */
const pssParameters =
  'a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130';
const pssOid = '06092a864886f70d01010a';

/**
 * Whole AlgorithmIdentifiers, so that parameters are exact by comparison. The trailer field 1 is a default that DER
 * leaves out, but AMD wrote it out until about 2025.
 */
const signatureAlgorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  [`3041${pssOid}3034${pssParameters}`, rsaPssSha384],
  [`3046${pssOid}3039${pssParameters}a303020101`, rsaPssSha384],
  ['300a06082a8648ce3d040302', ecdsaP256Sha256],
  ['300a06082a8648ce3d040303', ecdsaP384Sha384],
]);

/** @param identifier - AlgorithmIdentifier, DER @throws EnarxError `x509/unsupported` */
export function signatureAlgorithmOf(identifier: Uint8Array): SignatureAlgorithm {
  const algorithm = signatureAlgorithms.get(toHex(identifier));
  if (algorithm === undefined) throw unsupported(`a signature algorithm ${describe(identifier)}`);
  return algorithm;
}

const keyKinds: ReadonlyMap<string, KeyKind> = new Map([
  ['300d06092a864886f70d0101010500', 'rsa'],
  ['301306072a8648ce3d020106082a8648ce3d030107', 'p256'],
  ['301006072a8648ce3d020106052b81040022', 'p384'],
]);
const pointLengths = { p256: 65, p384: 97 } as const;

/**
 * Kind of the key in a SubjectPublicKeyInfo. Bounds what a key may make a signature check cost: RSA of 2048 to 4096
 * bits with the exponent 65537, uncompressed points of the right size.
 * @throws EnarxError `der/malformed`, `x509/unsupported`
 */
export function keyKindOf(publicKey: Uint8Array): KeyKind {
  const info = readDer(publicKey, tags.sequence).reader();
  const identifier = info.next(tags.sequence).encoded;
  const key = readOctetsOfBitString(info.next(tags.bitString));
  info.end();
  const kind = keyKinds.get(toHex(identifier));
  if (kind === undefined) throw unsupported(`a key ${describe(identifier)}`);
  if (kind !== 'rsa') {
    if (key.length !== pointLengths[kind] || key[0] !== 4)
      throw unsupported('a point that is not uncompressed');
    return kind;
  }
  const numbers = readDer(key, tags.sequence).reader();
  const bits = readInteger(numbers.next(tags.integer)).toString(2).length;
  const exponent = readInteger(numbers.next(tags.integer));
  numbers.end();
  if (bits < 2048 || bits > 4096 || exponent !== 65_537n)
    throw unsupported(`an RSA key of ${String(bits)} bits with the exponent ${String(exponent)}`);
  return kind;
}

function describe(identifier: Uint8Array): string {
  const oid = readOid(readDer(identifier, tags.sequence).reader().next(tags.oid));
  return `${oid} (${toHex(identifier)})`;
}

function unsupported(found: string): Error {
  return attestationProblem('x509/unsupported', { found });
}
