// SPDX-License-Identifier: Apache-2.0
import { concatBytes, encodeCbor, type CborValue } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';
import { verifyRaw, type SigningAlgorithm } from './algorithms.ts';
import { isList, isMap, isTagged, readCbor, type CborItem, type CborMap } from './cbor.ts';

/** CBOR tag of COSE_Sign1 (RFC 9052 section 4.2). */
export const sign1Tag = 18;
const headerLabels = { algorithm: 1, critical: 2 } as const;

/** A COSE_Sign1 as read. Nothing of it is proven. Byte arrays are views of what was read. */
export interface Sign1 {
  /** As received, for the signature. */
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CborMap;
  readonly unprotectedHeader: CborMap;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Reads a COSE_Sign1 (RFC 9052 section 4.2), alone or with its tag. The payload has to be in it.
 * @param mostBytes - largest input in bytes
 * @throws EnarxError `cose/cbor-malformed`, `cose/malformed`
 */
export function readSign1(bytes: Uint8Array, mostBytes: number): Sign1 {
  return sign1Of(readCbor(bytes, mostBytes));
}

/** @throws EnarxError `cose/cbor-malformed`, `cose/malformed` */
export function sign1Of(item: CborItem): Sign1 {
  if (isTagged(item) && item.tag !== sign1Tag) throw malformed(`the tag ${String(item.tag)}`);
  const list = isTagged(item) ? item.content : item;
  if (!isList(list) || list.length !== 4) throw malformed('no array of four');
  const [protectedBytes, unprotectedHeader, payload, signature] = list as readonly [
    CborItem,
    CborItem,
    CborItem,
    CborItem,
  ];
  if (!(protectedBytes instanceof Uint8Array)) throw malformed('a protected header that is no byte string');
  if (!isMap(unprotectedHeader)) throw malformed('an unprotected header that is no map');
  if (!(payload instanceof Uint8Array)) throw malformed('no payload; it has to be in the message');
  if (!(signature instanceof Uint8Array)) throw malformed('a signature that is no byte string');
  const protectedHeader =
    protectedBytes.length === 0 ? new Map() : readCbor(protectedBytes, protectedBytes.length);
  if (!isMap(protectedHeader)) throw malformed('a protected header that is no map');
  for (const label of protectedHeader.keys())
    if (unprotectedHeader.has(label)) throw malformed(`the label ${String(label)} in both headers`);
  // Whoever writes `crit` demands that it be understood (RFC 9052 section 3.1); we know no extension.
  if (protectedHeader.has(headerLabels.critical) || unprotectedHeader.has(headerLabels.critical))
    throw malformed('critical header parameters, which we do not know');
  return { protectedBytes, protectedHeader, unprotectedHeader, payload, signature };
}

/** Whether the protected header names this algorithm. What the unprotected one says is anybody's word. */
export function namesAlgorithm({ protectedHeader }: Sign1, algorithm: SigningAlgorithm): boolean {
  return protectedHeader.get(headerLabels.algorithm) === algorithm.cose;
}

/**
 * Whether `key` signed it with this algorithm, which the caller names: a message does not choose how it is verified.
 * @param externalData - what both sides know and the signature covers too
 */
export async function verifySign1(
  message: Sign1,
  algorithm: SigningAlgorithm,
  key: CryptoKey,
  externalData: Uint8Array = new Uint8Array(0),
): Promise<boolean> {
  const { protectedBytes, payload, signature } = message;
  // The algorithm is protected, so the header is never empty, and the special case of RFC 9052 section 4.4 never comes up.
  if (!namesAlgorithm(message, algorithm)) return false;
  return verifyRaw(algorithm, key, {
    signature,
    toBeSigned: signatureInput(protectedBytes, externalData, payload),
  });
}

/** A COSE_Sign1 with its tag. @param header - protected parameters besides the algorithm */
export async function signSign1(
  payload: Uint8Array,
  algorithm: SigningAlgorithm,
  key: CryptoKey,
  header: ReadonlyMap<CborValue, CborValue> = new Map(),
): Promise<Uint8Array<ArrayBuffer>> {
  const protectedBytes = encodeCbor(new Map([[headerLabels.algorithm, algorithm.cose], ...header]));
  const toBeSigned = signatureInput(protectedBytes, new Uint8Array(0), payload);
  const signature = new Uint8Array(await crypto.subtle.sign(algorithm.parameters, key, toBeSigned));
  return concatBytes(
    Uint8Array.of(0xc0 | sign1Tag),
    encodeCbor([protectedBytes, new Map(), payload, signature]),
  );
}

/** Sig_structure (RFC 9052 section 4.4). */
function signatureInput(
  protectedBytes: Uint8Array,
  externalData: Uint8Array,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return encodeCbor(['Signature1', protectedBytes, externalData, payload]);
}

function malformed(found: string): Error {
  return attestationProblem('cose/malformed', { found });
}
