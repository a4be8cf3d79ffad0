// SPDX-License-Identifier: Apache-2.0
import type { CertificateToIssue } from '@enarx/attestation/x509';

import { certify, createAuthority, uses, type Authority } from './authority.ts';
import { chip, randomPlatform } from './chip.ts';
import { identityOf, signDocument, tcbInfoOf, type JsonDocument } from './documents.ts';
import { pckExtension, type PlatformFields } from './pck-extension.ts';
import { issueRevocationList, type RevocationListToIssue } from './revocation-list.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Everything that a platform is made of and that an export holds. */
export interface IntelMaterial {
  /** Certificates, DER. */
  readonly root: Bytes;
  readonly authority: Bytes;
  readonly signer: Bytes;
  readonly pck: Bytes;
  /** Revocation lists, DER. */
  readonly rootList: Bytes;
  readonly pckList: Bytes;
  /** Signed documents, JSON. */
  readonly sgxTcbInfo: Bytes;
  readonly tdxTcbInfo: Bytes;
  readonly qeIdentity: Bytes;
  readonly tdQeIdentity: Bytes;
  /** Private P-256 keys, PKCS #8. Those of root, authority and signer are forgotten once they have signed. */
  readonly pckKey: Bytes;
  readonly attestationKey: Bytes;
  /** x and y of the attestation key, 64 bytes. */
  readonly attestationPoint: Bytes;
}

export const materialParts = [
  'root',
  'authority',
  'signer',
  'pck',
  'rootList',
  'pckList',
  'sgxTcbInfo',
  'tdxTcbInfo',
  'qeIdentity',
  'tdQeIdentity',
  'pckKey',
  'attestationKey',
  'attestationPoint',
] as const satisfies readonly (keyof IntelMaterial)[];

export interface IntelKeys {
  readonly root: Authority;
  readonly authority: Authority;
  readonly signer: Authority;
  readonly pck: Authority;
  readonly attestation: Authority;
}

/** Names are what tells Intel's certificates apart; a verifier goes by them. */
export async function createIntelKeys(): Promise<IntelKeys> {
  const [root, authority, signer, pck, attestation] = await Promise.all(
    [
      'Intel SGX Root CA',
      'Intel SGX PCK Platform CA',
      'Intel SGX TCB Signing',
      'Intel SGX PCK Certificate',
      'attestation key',
    ].map(createAuthority),
  );
  return { root, authority, signer, pck, attestation } as IntelKeys;
}

/** For attack tests only: what shall be issued instead of what Intel would. Signatures stay genuine. */
export interface UnwantedMaterial {
  readonly certificates?: Readonly<
    Partial<Record<'root' | 'authority' | 'signer' | 'pck', Partial<CertificateToIssue>>>
  >;
  readonly platform?: Partial<PlatformFields>;
  readonly rootList?: Partial<RevocationListToIssue>;
  readonly pckList?: Partial<RevocationListToIssue>;
  /** Changes each TCB info or identity before it is signed. */
  readonly tcbInfo?: (document: JsonDocument) => JsonDocument;
  readonly identity?: (document: JsonDocument) => JsonDocument;
}

const millisecondsInYear = 365.25 * 86_400_000;
/** As many for documents and lists as for certificates: nobody issues simulated ones anew. */
const years = 25;

/**
 * @param from - start of everything's validity in milliseconds since 1970
 * @param unwanted - for attack tests only
 */
export async function issueMaterial(
  keys: IntelKeys,
  from: number,
  unwanted: UnwantedMaterial = {},
): Promise<IntelMaterial> {
  const { root, authority, signer, pck, attestation } = keys;
  const until = from + years * millisecondsInYear;
  const validity = { notBefore: from, notAfter: until };
  const list = { thisUpdate: from, nextUpdate: until };
  const when = { issueDate: from, nextUpdate: until, evaluationNumber: chip.evaluationNumber };
  const platform = { ...randomPlatform(), ...unwanted.platform };
  const { certificates = {}, tcbInfo = asItIs, identity = asItIs } = unwanted;
  const level = { components: chip.components, pceSvn: chip.pceSvn, tdxComponents: [...chip.teeTcbSvn] };
  const module = { moduleSvn: chip.teeTcbSvn[0] as number, moduleVersion: chip.teeTcbSvn[1] as number };
  const infoFor = (tee: 'SGX' | 'TDX'): Promise<Bytes> =>
    signDocument('tcbInfo', tcbInfo(tcbInfoOf(tee, chip, level, module, when)), signer.key);
  const identityFor = (id: 'QE' | 'TD_QE'): Promise<Bytes> =>
    signDocument('enclaveIdentity', identity(identityOf(id, chip.quotingEnclaves[id], when)), signer.key);
  const point = new Uint8Array(attestation.publicKey.subarray(-64));
  return {
    root: await certify(root, root, validity, uses.authority(1), certificates.root),
    authority: await certify(authority, root, validity, uses.authority(0), certificates.authority),
    signer: await certify(signer, root, validity, uses.signing(), certificates.signer),
    pck: await certify(
      pck,
      authority,
      validity,
      [...uses.signing(), pckExtension(platform)],
      certificates.pck,
    ),
    rootList: await issueRevocationList(root, { ...list, ...unwanted.rootList }),
    pckList: await issueRevocationList(authority, { ...list, ...unwanted.pckList }),
    sgxTcbInfo: await infoFor('SGX'),
    tdxTcbInfo: await infoFor('TDX'),
    qeIdentity: await identityFor('QE'),
    tdQeIdentity: await identityFor('TD_QE'),
    pckKey: await exportKey(pck),
    attestationKey: await exportKey(attestation),
    attestationPoint: point,
  };
}

const asItIs = (document: JsonDocument): JsonDocument => document;

async function exportKey({ key }: Authority): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.exportKey('pkcs8', key));
}
