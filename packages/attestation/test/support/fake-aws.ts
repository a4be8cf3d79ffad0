// SPDX-License-Identifier: Apache-2.0
import { encodeCbor, type CborValue } from '@enarx/protocol';

import type { Anchor } from '../../src/anchors.ts';
import { es384 } from '../../src/cose/algorithms.ts';
import { signSign1 } from '../../src/cose/sign1.ts';
import { sha256 } from '../../src/digest.ts';
import { issueCertificate, type ExtensionToIssue } from '../../src/x509/issue.ts';
import { basicConstraints, ecAuthority, keyUsage, type Authority } from './fake-amd.ts';

// A made-up AWS for tests: the layout and algorithms of Nitro attestation documents under keys of our own, with anything
// altered before it is signed. So each check can be shown to be the only one that notices.

type Bytes = Uint8Array<ArrayBuffer>;

/** When its documents are made and verified, unless said otherwise. */
export const at = Date.parse('2026-06-01T12:00:00Z');
const hour = 3_600_000;

export const digitalSignature = keyUsage(0x80);

export interface LeafToIssue {
  readonly curve?: 'P-256' | 'P-384';
  readonly extensions?: readonly ExtensionToIssue[];
}

export interface Leaf {
  readonly certificate: Bytes;
  readonly key: CryptoKey;
}

export interface FakeAws {
  readonly anchor: Anchor;
  /** Root, region, as in a bundle. */
  readonly bundle: readonly [Bytes, Bytes];
  readonly root: Authority;
  leaf(leaf?: LeafToIssue): Promise<Leaf>;
  /** @param fields - of the payload: another value, or `undefined` to leave it out */
  document(
    fields?: Readonly<Record<string, CborValue | undefined>>,
    leaf?: Leaf,
  ): Promise<Uint8Array<ArrayBuffer>>;
}

export async function fakeAws(): Promise<FakeAws> {
  const root = await ecAuthority('aws.nitro-enclaves', 'P-384');
  const region = await ecAuthority('region.aws.nitro-enclaves', 'P-384');
  const dates = { notBefore: at - hour, notAfter: at + hour };
  const rootCertificate = await issueCertificate(
    {
      serial: 1,
      issuer: root.name,
      subject: root.name,
      ...dates,
      publicKey: root.publicKey,
      extensions: [basicConstraints(true), keyUsage(0x06)],
    },
    root.signer,
  );
  const regionCertificate = await issueCertificate(
    {
      serial: 2,
      issuer: root.name,
      subject: region.name,
      ...dates,
      publicKey: region.publicKey,
      extensions: [basicConstraints(true, 0), keyUsage(0x06)],
    },
    root.signer,
  );
  const leaf: FakeAws['leaf'] = async ({
    curve = 'P-384',
    extensions = [basicConstraints(false), digitalSignature],
  } = {}) => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: curve }, true, [
      'sign',
      'verify',
    ]);
    const certificate = await issueCertificate(
      {
        serial: 3,
        issuer: region.name,
        subject: [['2.5.4.3', 'i-0123456789abcdef0-enc0123456789abcdef.region.aws']],
        ...dates,
        publicKey: new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)),
        extensions,
      },
      region.signer,
    );
    return { certificate, key: pair.privateKey };
  };
  const ordinary = await leaf();
  const bundle = [rootCertificate, regionCertificate] as const;
  return {
    anchor: { vendor: 'aws', name: 'Fake AWS', spkiDigest: await sha256(root.publicKey), simulated: true },
    bundle,
    root,
    leaf,
    document: async (fields = {}, { certificate, key } = ordinary) => {
      const payload: Record<string, CborValue | undefined> = {
        module_id: 'i-0123456789abcdef0-enc0123456789abcdef',
        digest: 'SHA384',
        timestamp: at,
        pcrs: new Map([0, 1, 2, 3, 4, 8, 16].map((index) => [index, pcrOf(index + 1)])),
        certificate,
        cabundle: bundle,
        public_key: null,
        user_data: null,
        nonce: null,
        ...fields,
      };
      return signSign1(encodeCbor(payload), es384, key);
    },
  };
}

/** 48 bytes of one value. */
export const pcrOf = (value: number): Bytes => new Uint8Array(48).fill(value);
