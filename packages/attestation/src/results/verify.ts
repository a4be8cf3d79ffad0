// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '@enarx/protocol';

import { formatTime } from '../calendar.ts';
import { algorithmOfKey, verifyRaw, type SigningAlgorithm } from '../cose/algorithms.ts';
import { isTagged, readCbor } from '../cose/cbor.ts';
import { sign1Of, verifySign1 } from '../cose/sign1.ts';
import { attestationProblem } from '../problems.ts';
import { decodeAnyBase64, decodeBase64url } from './base64url.ts';
import { readCborClaims, readJsonClaims } from './claims-set.ts';
import type { AttestationResult } from './ear.ts';

/** Largest result in bytes. Results may carry the evidence. */
const mostBytes = 1_048_576;
const cwtTag = 61;
/** Clocks of verifier and relying party may differ by so much, in milliseconds. */
const clockDifference = 5 * 60_000;

export interface ResultToVerify {
  /** JWT text, or a COSE_Sign1 message with or without the tags of COSE and CWT. */
  readonly result: Uint8Array;
  /** Public key of the verifier that is relied on. What a result says of its own key counts for nothing. */
  readonly key: CryptoKey;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What the verifier was given; the result must have it. */
  readonly nonce?: Uint8Array;
}

/**
 * A result whose signature is of the given key, that has not expired and, where one was given, has the nonce. What it says is
 * for the caller to look at: {@link AttestationResult.submodules}.
 * @throws EnarxError `result/malformed`, `result/rejected`, `cose/…`
 */
export async function verifyResult({ result, key, at, nonce }: ResultToVerify): Promise<AttestationResult> {
  if (result.length > mostBytes)
    throw attestationProblem('result/malformed', { found: `${String(result.length)} bytes` });
  const algorithm = algorithmOfKey(key);
  if (algorithm === undefined)
    throw rejected(`a key for ${key.algorithm.name}, with which no result is signed`);
  const read = looksLikeJwt(result)
    ? await readJwt(new TextDecoder().decode(result).trim(), key, algorithm)
    : await readCwt(result, key, algorithm);
  const { issuedAt, expires, nonces } = read;
  if (issuedAt * 1000 > at + clockDifference)
    throw rejected(`a result of ${formatTime(issuedAt * 1000)}, which is after ${formatTime(at)}`);
  if (expires !== undefined && at >= expires * 1000)
    throw rejected(`a result that expired ${formatTime(expires * 1000)}`);
  if (nonce !== undefined && !nonces.some((one) => isNonce(one, nonce)))
    throw rejected('a result without the nonce that was given');
  return read;
}

/** All begin with a JSON object's brace in base64url. */
function looksLikeJwt(bytes: Uint8Array): boolean {
  return bytes[0] === 0x65 && bytes[1] === 0x79;
}

async function readJwt(
  text: string,
  key: CryptoKey,
  algorithm: SigningAlgorithm,
): Promise<AttestationResult> {
  const [header, claims, signature] = text.split('.').map(decodeBase64url);
  if (text.split('.').length !== 3 || header === undefined || claims === undefined || signature === undefined)
    throw attestationProblem('result/malformed', { found: 'a text that is not three parts of base64url' });
  checkHeader(jsonText(header), algorithm);
  const toBeSigned = new TextEncoder().encode(text.slice(0, text.lastIndexOf('.')));
  if (!(await verifyRaw(algorithm, key, { signature, toBeSigned }))) throw notSigned();
  return readJsonClaims(jsonText(claims));
}

/** The algorithm is that of the key; a header that names another one is refused before anything is verified. */
function checkHeader(text: string, algorithm: SigningAlgorithm): void {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw attestationProblem('result/malformed', { found: 'a header that is no JSON', cause });
  }
  // It begins with a brace, so that it is an object.
  const members = new Map<string, unknown>(Object.entries(header as object));
  if (members.get('alg') !== algorithm.name)
    throw rejected(`the algorithm ${JSON.stringify(members.get('alg'))}; the key is for ${algorithm.name}`);
  // RFC 7515 section 4.1.11: whoever does not understand what is critical must refuse.
  if (members.has('crit')) throw rejected('critical header parameters, which we do not know');
}

function jsonText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw attestationProblem('result/malformed', { found: 'a part that is not UTF-8', cause });
  }
}

async function readCwt(
  bytes: Uint8Array,
  key: CryptoKey,
  algorithm: SigningAlgorithm,
): Promise<AttestationResult> {
  const item = readCbor(bytes, mostBytes);
  const message = sign1Of(isTagged(item) && item.tag === cwtTag ? item.content : item);
  if (!(await verifySign1(message, algorithm, key))) throw notSigned();
  return readCborClaims(readCbor(message.payload, mostBytes));
}

/** JSON carries bytes as base64url; Veraison’s verifiers write base64 with padding. */
function isNonce(found: string | Uint8Array, wanted: Uint8Array): boolean {
  const bytes = typeof found === 'string' ? decodeAnyBase64(found) : found;
  return bytes !== undefined && compareBytes(bytes, wanted) === 0;
}

const notSigned = (): Error => rejected('a result that the given key did not sign');

function rejected(found: string): Error {
  return attestationProblem('result/rejected', { found });
}
