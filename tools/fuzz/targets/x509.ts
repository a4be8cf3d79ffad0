// SPDX-License-Identifier: Apache-2.0
import { readDer, tags, type DerReader } from '@enarx/attestation/der';
import { readCertificate, readRevocationList } from '@enarx/attestation/x509';

import { readPem } from '../../../packages/attestation/src/pem.ts';
import { readEndorsements } from '../../../packages/attestation/src/endorsements.ts';
import { fakeAmd, issueList } from '../../../packages/attestation/test/support/fake-amd.ts';
import { realFiles } from '../real.ts';
import type { FuzzTarget } from '../target.ts';

const text = new TextDecoder();
const derOf = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === tags.sequence ? bytes : (readPem(text.decode(bytes))[0]?.content ?? bytes);

const made = async (): Promise<Uint8Array[]> => {
  const amd = await fakeAmd();
  return [amd.certificates.ask, await amd.vcek(), await amd.vlek()];
};
const oids = ['06092a864886f70d01010a', '0603551d13', '0603551d0f', '06082a8648ce3d040303', '0603550403'];
const tokens = [
  ...oids.map((hex) => new Uint8Array(Buffer.from(hex, 'hex'))),
  Uint8Array.of(0x30, 0x82),
  Uint8Array.of(0x02, 0x01, 0x00),
  Uint8Array.of(0x01, 0x01, 0xff),
  Uint8Array.of(0x04, 0x40),
  Uint8Array.of(0x17, 0x0d),
  Uint8Array.of(0xa0, 0x03, 0x02, 0x01, 0x02),
];

/** Every element of every constructed one, and the values of the rest. */
function walk(reader: DerReader, depth: number): void {
  while (!reader.atEnd) {
    const element = reader.next();
    if ((element.tag & 0x20) !== 0 && depth < 32) walk(element.reader(), depth + 1);
  }
}

const der: FuzzTarget = {
  name: 'der',
  run: (input) => {
    walk(readDer(input).reader(), 0);
  },
  seeds: async () => [...(await made()), ...realFiles(/^snp-v[cl]ek-cert$|^crl$/, 4).map(derOf)],
  tokens,
};

const certificate: FuzzTarget = {
  name: 'x509-certificate',
  run: (input) => {
    const { toBeSigned, encoded } = readCertificate(input);
    if (toBeSigned.length >= encoded.length) throw new Error('more is signed than there is');
  },
  seeds: async () => [
    ...(await made()),
    ...realFiles(/^x509-ask$|^x509-ark$|^snp-v[cl]ek-cert$/, 12).map(derOf),
  ],
  tokens,
};

const list: FuzzTarget = {
  name: 'x509-revocation-list',
  run: readRevocationList,
  seeds: async () => [await issueList((await fakeAmd()).ark), ...realFiles(/^crl$/)],
  tokens,
};

const endorsements: FuzzTarget = {
  name: 'endorsements',
  run: (input) => {
    const { certificates, revocationLists } = readEndorsements([input]);
    if (certificates.length + revocationLists.length > 64) throw new Error('more than a chain can have');
  },
  seeds: async () => [
    ...(await made()),
    ...realFiles(/^snp-cert-table$|^x509-chain-pem$|^azure-thim-json$|^x509-pkipath$/, 8),
  ],
  tokens: [
    ...tokens,
    '-----BEGIN CERTIFICATE-----\n',
    '-----END CERTIFICATE-----\n',
    '-----BEGIN X509 CRL-----\n',
    '{"vcekCert":"',
  ],
};

export default [der, certificate, list, endorsements];
