// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { sha384 } from '../digest.ts';
import { attestationProblem } from '../problems.ts';
import {
  keyBlobLength,
  readKeyBlob,
  readSignatureBlob,
  signatureBlobLength,
  writeKeyBlob,
  writeSignatureBlob,
} from '../sev/ecc.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * What the owner of a guest signs, so that the firmware launches nothing else and says in each report who signed
 * (SEV-SNP firmware ABI, ID_BLOCK).
 */
export interface IdBlock {
  /** 48 bytes. */
  readonly launchDigest: Uint8Array;
  /** 16 bytes of the owner's choice, as is `imageId`. */
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  readonly guestSvn: number;
  /** The launch fails unless the host starts the guest with just this policy. */
  readonly policy: bigint;
}

/** Signatures and keys that go with an ID block (SEV-SNP firmware ABI, ID_AUTH). Keys are as signed and digested, 1028 bytes. */
export interface IdAuthentication {
  readonly idKey: Uint8Array;
  /** R ‖ S, 96 bytes, as is the author's. */
  readonly idBlockSignature: Uint8Array;
  readonly author: { readonly key: Uint8Array; readonly idKeySignature: Uint8Array } | undefined;
}

/** What reports say of a guest that was launched so. */
export interface KeyDigests {
  /** ID_KEY_DIGEST, 48 bytes. */
  readonly idKey: Uint8Array;
  /** AUTHOR_KEY_DIGEST, 48 bytes; `undefined` without an author, when reports say zero. */
  readonly authorKey: Uint8Array | undefined;
}

export const idBlockLength = 96;
export const idAuthenticationLength = 4096;

const idBlockVersion = 1;
const offsets = { familyId: 48, imageId: 64, version: 80, guestSvn: 84, policy: 88 } as const;

/** @throws EnarxError `measure/option-invalid` */
export function encodeIdBlock(block: IdBlock): Bytes {
  const { launchDigest, familyId, imageId, guestSvn, policy } = block;
  if (launchDigest.length !== 48 || familyId.length !== 16 || imageId.length !== 16)
    throw badOption(
      `${[launchDigest, familyId, imageId].map(({ length }) => String(length)).join(', ')} bytes`,
      '48 bytes of launch digest, 16 of family, 16 of image',
    );
  if (!Number.isInteger(guestSvn) || guestSvn < 0 || guestSvn >= 2 ** 32)
    throw badOption(`the guest's security version ${String(guestSvn)}`, '32 bits');
  if (policy < 0n || policy >= 1n << 64n) throw badOption(`the policy ${String(policy)}`, '64 bits');
  const bytes = new Uint8Array(idBlockLength);
  const view = new DataView(bytes.buffer);
  bytes.set(launchDigest);
  bytes.set(familyId, offsets.familyId);
  bytes.set(imageId, offsets.imageId);
  view.setUint32(offsets.version, idBlockVersion, true);
  view.setUint32(offsets.guestSvn, guestSvn, true);
  view.setBigUint64(offsets.policy, policy, true);
  return bytes;
}

/** @throws EnarxError `measure/id-block-malformed` */
export function decodeIdBlock(bytes: Uint8Array): IdBlock {
  if (bytes.length !== idBlockLength)
    throw malformed(`${String(bytes.length)} bytes`, '96 bytes of ID block');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = view.getUint32(offsets.version, true);
  if (version !== idBlockVersion) throw malformed(`version ${String(version)}`, 'version 1');
  return {
    launchDigest: Uint8Array.from(bytes.subarray(0, offsets.familyId)),
    familyId: Uint8Array.from(bytes.subarray(offsets.familyId, offsets.imageId)),
    imageId: Uint8Array.from(bytes.subarray(offsets.imageId, offsets.version)),
    guestSvn: view.getUint32(offsets.guestSvn, true),
    policy: view.getBigUint64(offsets.policy, true),
  };
}

/** ECDSA with P-384 and SHA-384; 0 where there is no author key. */
const ecdsaP384Sha384 = 1;
const authOffsets = {
  idKeyAlgorithm: 0x000,
  authorKeyAlgorithm: 0x004,
  idBlockSignature: 0x040,
  idKey: 0x240,
  idKeySignature: 0x680,
  authorKey: 0x880,
} as const;
/** Bytes that hold nothing: between the fields and after them. */
const authGaps = [
  [0x008, 0x040],
  [0x644, 0x680],
  [0xc84, 0x1000],
] as const;

/** @throws EnarxError `measure/id-block-malformed` */
export function decodeIdAuthentication(bytes: Uint8Array): IdAuthentication {
  if (bytes.length !== idAuthenticationLength)
    throw malformed(`${String(bytes.length)} bytes`, '4096 bytes of ID authentication');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const algorithms = [authOffsets.idKeyAlgorithm, authOffsets.authorKeyAlgorithm].map((at) =>
    view.getUint32(at, true),
  );
  const hasAuthor = algorithms[1] !== 0;
  if (algorithms[0] !== ecdsaP384Sha384 || (hasAuthor && algorithms[1] !== ecdsaP384Sha384))
    throw malformed(`the algorithms ${algorithms.join(' and ')}`, '1, and 1 or 0');
  const empty = hasAuthor ? authGaps : [...authGaps, [authOffsets.idKeySignature, 0xc84] as const];
  if (empty.some(([from, to]) => bytes.subarray(from, to).some((byte) => byte !== 0)))
    throw malformed('bytes that are not zero where nothing stands');
  return {
    idKey: keyAt(bytes, authOffsets.idKey),
    idBlockSignature: signatureAt(bytes, authOffsets.idBlockSignature),
    author: hasAuthor
      ? {
          key: keyAt(bytes, authOffsets.authorKey),
          idKeySignature: signatureAt(bytes, authOffsets.idKeySignature),
        }
      : undefined,
  };
}

/** The reverse of {@link decodeIdAuthentication}. */
export function encodeIdAuthentication({ idKey, idBlockSignature, author }: IdAuthentication): Bytes {
  const bytes = new Uint8Array(idAuthenticationLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(authOffsets.idKeyAlgorithm, ecdsaP384Sha384, true);
  bytes.set(writeSignatureBlob(idBlockSignature), authOffsets.idBlockSignature);
  bytes.set(idKey, authOffsets.idKey);
  if (author !== undefined) {
    view.setUint32(authOffsets.authorKeyAlgorithm, ecdsaP384Sha384, true);
    bytes.set(writeSignatureBlob(author.idKeySignature), authOffsets.idKeySignature);
    bytes.set(author.key, authOffsets.authorKey);
  }
  return bytes;
}

/** Who may sign: an ECDSA key pair on P-384. */
export interface IdSigner {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}

/** Signs an ID block with the ID key, and the ID key with the author's where there is one. 4096 bytes. */
export async function signIdBlock(block: Uint8Array, idKey: IdSigner, author?: IdSigner): Promise<Bytes> {
  const key = await keyBlobOf(idKey.publicKey);
  const idBlockSignature = await sign(idKey, block);
  return encodeIdAuthentication({
    idKey: key,
    idBlockSignature,
    author: author && { key: await keyBlobOf(author.publicKey), idKeySignature: await sign(author, key) },
  });
}

/**
 * Checks both signatures, as the firmware does at the launch.
 *
 * @param block - 96 bytes
 * @param authentication - 4096 bytes
 * @throws EnarxError `measure/id-block-malformed`, `measure/id-block-rejected`
 */
export async function verifyIdBlock(
  block: Uint8Array,
  authentication: Uint8Array,
): Promise<IdBlock & { readonly keys: KeyDigests }> {
  const content = decodeIdBlock(block);
  const { idKey, idBlockSignature, author } = decodeIdAuthentication(authentication);
  if (!(await verify(idKey, idBlockSignature, block)))
    throw attestationProblem('measure/id-block-rejected', {
      found: 'an ID block that the ID key did not sign',
    });
  if (author !== undefined && !(await verify(author.key, author.idKeySignature, idKey)))
    throw attestationProblem('measure/id-block-rejected', {
      found: 'an ID key that the author key did not sign',
    });
  return {
    ...content,
    keys: { idKey: await sha384(idKey), authorKey: author && (await sha384(author.key)) },
  };
}

/**
 * Digest of a key as reports show it, 48 bytes: SHA-384 over AMD's 1028-byte form.
 * @param spki - SubjectPublicKeyInfo of a P-384 key, DER
 * @throws EnarxError `measure/option-invalid`
 */
export async function idKeyDigest(spki: Uint8Array): Promise<Bytes> {
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey('spki', spki as Bytes, p384, true, ['verify']);
  } catch (cause) {
    throw attestationProblem('measure/option-invalid', {
      found: 'a key that is none on P-384',
      expected: 'the public half of an ECDSA P-384 key',
      cause,
    });
  }
  return sha384(await keyBlobOf(key));
}

const p384 = { name: 'ECDSA', namedCurve: 'P-384' } as const;
const ecdsaSha384 = { name: 'ECDSA', hash: 'SHA-384' } as const;

async function keyBlobOf(key: CryptoKey): Promise<Bytes> {
  return writeKeyBlob(new Uint8Array(await crypto.subtle.exportKey('raw', key)));
}

async function sign({ privateKey }: IdSigner, bytes: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign(ecdsaSha384, privateKey, bytes as Bytes));
}

async function verify(keyBlob: Uint8Array, signature: Uint8Array, bytes: Uint8Array): Promise<boolean> {
  const point = readKeyBlob(keyBlob, 'zero') as Bytes;
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey('raw', point, p384, false, ['verify']);
  } catch (cause) {
    throw malformed(`the point ${toHex(point).slice(0, 18)}…`, 'a point on P-384', cause);
  }
  return crypto.subtle.verify(ecdsaSha384, key, signature as Bytes, bytes as Bytes);
}

function keyAt(bytes: Uint8Array, at: number): Bytes {
  const blob = Uint8Array.from(bytes.subarray(at, at + keyBlobLength));
  const point = readKeyBlob(blob, 'zero');
  if (typeof point === 'string') throw malformed(point);
  return blob;
}

function signatureAt(bytes: Uint8Array, at: number): Bytes {
  const signature = readSignatureBlob(bytes.subarray(at, at + signatureBlobLength));
  if (typeof signature === 'string') throw malformed(signature);
  return signature;
}

function malformed(found: string, expected?: string, cause?: unknown): Error {
  return attestationProblem('measure/id-block-malformed', {
    found,
    expected,
    cause,
  });
}

function badOption(found: string, expected: string): Error {
  return attestationProblem('measure/option-invalid', { found, expected });
}
