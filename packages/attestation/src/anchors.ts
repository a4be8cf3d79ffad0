// SPDX-License-Identifier: Apache-2.0
import { compareBytes, fromHex, toHex } from '@enarx/protocol';

import { readPem } from './pem.ts';
import { attestationProblem } from './problems.ts';
import { keyKindOf } from './x509/algorithms.ts';
import { readCertificate } from './x509/certificate.ts';

/** A key that a chain may end in. */
export interface Anchor {
  readonly vendor: 'amd' | 'intel' | 'aws';
  /** For AMD the common name of the root certificate, `ARK-Milan` for example. */
  readonly name: string;
  /** SHA-256 of the SubjectPublicKeyInfo (DER), 32 bytes. */
  readonly spkiDigest: Uint8Array;
  /** Anything but a key that this release pins. */
  readonly simulated: boolean;
}

/**
 * AMD's root keys. Pinned by key, not by name: anybody can sign a certificate that says ARK-Milan. From Milan on the
 * binary certificates of legacy SEV and the X.509 certificates of SEV-SNP carry the same key.
 */
export const amdAnchors: readonly Anchor[] = [
  amd('ARK-Naples', '3a04f8f1347de206c9206a81148ba4ef0a233b245d43a15dd82de043bb3e4f69'),
  amd('ARK-Rome', '7447ffa21e2b938bfade89f5e9066c00a328813bfc43685605cceabd18da6fde'),
  amd('ARK-Milan', '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9'),
  amd('ARK-Genoa', '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831'),
  amd('ARK-Turin', '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08'),
];

/** Every vendor's pinned keys. */
export const vendorAnchors: readonly Anchor[] = amdAnchors;

function amd(name: string, spki: string): Anchor {
  return { vendor: 'amd', name, spkiDigest: fromHex(spki) as Uint8Array, simulated: false };
}

/**
 * An anchor that the caller names: one PEM block, root certificate or public key. Whatever is not a pinned vendor's key
 * is called simulated (decision 009).
 * @throws EnarxError `anchor/malformed`, `pem/malformed`, `der/malformed`, `x509/malformed`, `x509/unsupported`
 */
export async function anchorFromPem(pem: Uint8Array | string): Promise<Anchor> {
  const text = typeof pem === 'string' ? pem : new TextDecoder().decode(pem);
  const [block, ...more] = readPem(text);
  if (block === undefined || more.length > 0)
    throw attestationProblem('anchor/malformed', {
      found: `${String(more.length + (block ? 1 : 0))} PEM blocks`,
    });
  let name: string | undefined;
  let publicKey: Uint8Array;
  if (block.label === 'CERTIFICATE') {
    const certificate = readCertificate(block.content);
    name = certificate.subject.commonName;
    publicKey = certificate.publicKey;
  } else if (block.label === 'PUBLIC KEY') {
    keyKindOf(block.content);
    publicKey = block.content;
  } else throw attestationProblem('anchor/malformed', { found: `a ${block.label} block` });
  const spkiDigest = new Uint8Array(
    await crypto.subtle.digest('SHA-256', publicKey as Uint8Array<ArrayBuffer>),
  );
  const pinned = vendorAnchors.find((anchor) => compareBytes(anchor.spkiDigest, spkiDigest) === 0);
  return (
    pinned ?? {
      vendor: 'amd',
      name: name ?? `key ${toHex(spkiDigest.subarray(0, 8))}`,
      spkiDigest,
      simulated: true,
    }
  );
}
