// SPDX-License-Identifier: Apache-2.0
import { compareBytes, fromHex, toHex } from '@enarx/protocol';

import { sha256 } from './digest.ts';
import { readPem } from './pem.ts';
import { attestationProblem } from './problems.ts';
import { keyKindOf, type KeyKind } from './x509/algorithms.ts';
import { readCertificate } from './x509/certificate.ts';

/** Whose roots a chain may end in. */
export type Vendor = 'amd' | 'intel' | 'aws';

/** A key that a chain may end in. */
export interface Anchor {
  readonly vendor: Vendor;
  /** The common name of the root certificate, `ARK-Milan` for example. */
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
  pin('amd', 'ARK-Naples', '3a04f8f1347de206c9206a81148ba4ef0a233b245d43a15dd82de043bb3e4f69'),
  pin('amd', 'ARK-Rome', '7447ffa21e2b938bfade89f5e9066c00a328813bfc43685605cceabd18da6fde'),
  pin('amd', 'ARK-Milan', '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9'),
  pin('amd', 'ARK-Genoa', '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831'),
  pin('amd', 'ARK-Turin', '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08'),
];

/** Intel's root key of SGX and TDX. Two certificates of it are about, until 2033 and until 2049. */
export const intelAnchors: readonly Anchor[] = [
  pin('intel', 'Intel SGX Root CA', 'a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e'),
];

/**
 * AWS's root keys of Nitro Enclaves, one for each partition: the commercial one (G1; the digest that AWS publishes beside it is of the
 * ZIP archive) and GovCloud (AWS GovCloud User Guide, “Amazon EC2”, instance differences, which prints the certificate; SHA-256
 * 20bcd30a3e168ea03789e1c45912bc123c4de3c977b8a6e1c125c7929d668b3b). That of the partition in China was found in no source that could
 * be cited, so that it has to be given by name.
 */
export const awsAnchors: readonly Anchor[] = [
  pin('aws', 'aws.nitro-enclaves', 'f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225'),
  pin('aws', 'aws-us-gov.nitro-enclaves', '84e3c3bd8c64049f77e40a07ec988b76a55179f299b57eaefa520844dc67fae5'),
];

/** Pinned keys by vendor. */
export const anchorsOf: Readonly<Record<Vendor, readonly Anchor[]>> = {
  amd: amdAnchors,
  intel: intelAnchors,
  aws: awsAnchors,
};

/** Every vendor's pinned keys. */
export const vendorAnchors: readonly Anchor[] = Object.values(anchorsOf).flat();

function pin(vendor: Vendor, name: string, spki: string): Anchor {
  return { vendor, name, spkiDigest: fromHex(spki) as Uint8Array, simulated: false };
}

/** Kind of key that each vendor's roots have, and so whose role a simulated root plays. */
const vendorOfKey: Readonly<Record<KeyKind, Vendor>> = { rsa: 'amd', p256: 'intel', p384: 'aws' };

/**
 * An anchor that the caller names: one PEM block, root certificate or public key. Whatever is not a pinned vendor's key
 * is called simulated (decision 009), and stands in for the vendor whose roots have keys of its kind.
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
    publicKey = block.content;
  } else throw attestationProblem('anchor/malformed', { found: `a ${block.label} block` });
  const vendor = vendorOfKey[keyKindOf(publicKey)];
  const spkiDigest = await sha256(publicKey);
  const pinned = vendorAnchors.find((anchor) => compareBytes(anchor.spkiDigest, spkiDigest) === 0);
  return (
    pinned ?? {
      vendor,
      name: name ?? `key ${toHex(spkiDigest.subarray(0, 8))}`,
      spkiDigest,
      simulated: true,
    }
  );
}
