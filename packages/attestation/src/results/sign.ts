// SPDX-License-Identifier: Apache-2.0
import { encodeCbor } from '@enarx/protocol';

import { algorithmOfKey, type SigningAlgorithm } from '../cose/algorithms.ts';
import { signSign1 } from '../cose/sign1.ts';
import { attestationProblem } from '../problems.ts';
import { base64url } from './base64url.ts';
import { cborClaims, jsonClaims } from './claims-set.ts';
import type { AttestationResult } from './ear.ts';

const contentTypeLabel = 3;
const utf8 = new TextEncoder();

/**
 * The result as a CWT: COSE_Sign1 with its tag.
 * @param key - private, P-256 (ES256) or P-384 (ES384)
 * @throws EnarxError `result/unencodable`
 */
export async function signCwt(result: AttestationResult, key: CryptoKey): Promise<Uint8Array<ArrayBuffer>> {
  const header = new Map([[contentTypeLabel, 'application/eat+cwt']]);
  return signSign1(encodeCbor(cborClaims(result)), algorithmFor(key), key, header);
}

/**
 * The result as a JWT in its compact form (RFC 7519).
 * @param key - private, P-256 (ES256) or P-384 (ES384)
 * @throws EnarxError `result/unencodable`
 */
export async function signJwt(result: AttestationResult, key: CryptoKey): Promise<string> {
  const algorithm = algorithmFor(key);
  const header = JSON.stringify({ alg: algorithm.name, typ: 'eat+jwt' });
  const input = `${base64url(utf8.encode(header))}.${base64url(utf8.encode(jsonClaims(result)))}`;
  const signature = await crypto.subtle.sign(algorithm.parameters, key, utf8.encode(input));
  return `${input}.${base64url(new Uint8Array(signature))}`;
}

function algorithmFor(key: CryptoKey): SigningAlgorithm {
  const algorithm = algorithmOfKey(key);
  if (algorithm === undefined)
    throw attestationProblem('result/unencodable', { found: `a key for ${key.algorithm.name}` });
  return algorithm;
}
