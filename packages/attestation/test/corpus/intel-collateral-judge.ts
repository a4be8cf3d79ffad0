// SPDX-License-Identifier: Apache-2.0
//
// What the indices say of certificates, lists and documents of Intel's. Each is held alone here; together they are in the quotes.
import { toHex } from '@enarx/protocol';

import { formatTime } from '../../src/calendar.ts';
import { readCollateral, type Collateral } from '../../src/intel/collateral.ts';
import { verifyP256 } from '../../src/intel/signature.ts';
import type { Certificate } from '../../src/x509/certificate.ts';
import { sha256 } from '../../src/digest.ts';
import { KeyCache } from '../../src/x509/key-cache.ts';
import { importPublicKey, verifySignature } from '../../src/x509/signature.ts';
import type { IntelVector } from '../intel/vectors.ts';
import type { IntelCase, IntelCorpus, IntelJudge } from './intel-case.ts';

/** What an index says of a file itself, beside what must come of it. */
interface CollateralEntry extends IntelVector {
  readonly certs?: readonly {
    readonly subject: string;
    readonly sha256: string;
    readonly notBefore: string;
    readonly notAfter: string;
  }[];
  readonly issuer?: string;
  readonly thisUpdate?: string;
  readonly issueDate?: string;
  readonly nextUpdate?: string;
  readonly revokedCount?: number;
  readonly tcbEvaluationDataNumber?: number;
  readonly fmspc?: string;
  readonly version?: number;
  readonly id?: string;
}

const read = ({ bytes, expectSame }: IntelCase): Collateral => {
  const collateral = readCollateral([bytes], new KeyCache());
  expectSame('unreadable', collateral.unreadable, []);
  return collateral;
};

/** Every authority of Intel's own that the index has. */
async function authorities({ entries, read: file }: IntelCorpus): Promise<readonly Certificate[]> {
  const chains = entries.filter(({ kind, class: sort }) => kind === 'cert-chain' && sort === undefined);
  const files = await Promise.all(chains.map((chain) => file(chain.tee, chain.file)));
  return readCollateral(files, new KeyCache()).certificates;
}

async function keysOf(name: string, corpus: IntelCorpus): Promise<readonly CryptoKey[]> {
  const found = (await authorities(corpus)).filter(({ subject }) => subject.commonName === name);
  return Promise.all(
    found.map(async ({ publicKey, keyKind }) => (await importPublicKey(publicKey, keyKind)) as CryptoKey),
  );
}

async function anyOf(
  keys: readonly CryptoKey[],
  verify: (key: CryptoKey) => Promise<boolean>,
): Promise<boolean> {
  return (await Promise.all(keys.map(verify))).includes(true);
}

const chain: IntelJudge = async (item) => {
  const { certs } = item.entry as CollateralEntry;
  const { certificates } = read(item);
  // Of Intel's sample chains the index says nothing.
  if (item.entry.class === 'sample-pki') {
    item.expectSame('certificates', certificates.length > 0, true);
    return;
  }
  const found = certificates.map(async ({ subject, encoded, notBefore, notAfter }) => ({
    subject: `CN=${subject.commonName}`,
    sha256: toHex(await sha256(encoded)),
    notBefore: formatTime(notBefore),
    notAfter: formatTime(notAfter),
  }));
  item.expectSame(
    'certificates',
    await Promise.all(found),
    certs?.map(({ notBefore, notAfter, ...rest }) => ({
      ...rest,
      notBefore: formatTime(Date.parse(notBefore)),
      notAfter: formatTime(Date.parse(notAfter)),
    })),
  );
};

const list: IntelJudge = async (item) => {
  const { issuer, thisUpdate, nextUpdate, revokedCount, class: sort } = item.entry as CollateralEntry;
  const { revocationLists } = read(item);
  item.expectSame('lists', revocationLists.length, 1);
  const [found] = revocationLists;
  if (found === undefined || sort === 'sample-pki') return;
  item.expectSame('issuer', found.issuer.commonName, issuer);
  item.expectSame('from', formatTime(found.thisUpdate), thisUpdate);
  item.expectSame('to', formatTime(found.nextUpdate), nextUpdate);
  item.expectSame('revoked', found.revoked.size, revokedCount);
  const keys = await keysOf(found.issuer.commonName, item.corpus);
  item.expectSame('signature', await anyOf(keys, (key) => verifySignature(found, key)), true);
};

/** TCB info or enclave identity. */
const document: IntelJudge = async (item) => {
  const entry = item.entry as CollateralEntry;
  if (entry.class === 'sample-pki') {
    // Intel's sample of TDX is in no form that its service ever answered in. Then the reason is given.
    const { documents, unreadable } = readCollateral([item.bytes], new KeyCache());
    item.expectSame('read or refused', documents.length + unreadable.length, 1);
    return;
  }
  const { documents } = read(item);
  item.expectSame('documents', documents.length, 1);
  const [found] = documents;
  if (found === undefined) return;
  const { content, signature, toBeSigned } = found;
  item.expectSame('from', formatTime(content.issueDate), entry.issueDate);
  item.expectSame('to', formatTime(content.nextUpdate), entry.nextUpdate);
  item.expectSame('number', content.evaluationNumber, entry.tcbEvaluationDataNumber);
  if (found.kind === 'tcb-info') {
    item.expectSame('fmspc', toHex(found.content.fmspc), entry.fmspc);
    item.expectSame('version', found.content.version, entry.version);
  } else item.expectSame('id', found.content.id, entry.id);
  const keys = await keysOf('Intel SGX TCB Signing', item.corpus);
  item.expectSame('signature', await anyOf(keys, (key) => verifyP256(key, signature, toBeSigned)), true);
};

/** Says nothing by itself: a quote that must be refused names it. */
const mutated: IntelJudge = ({ entry, corpus, expectSame }) => {
  const users = corpus.entries.filter(
    ({ tee, collateral = [] }) => tee === entry.tee && collateral.some(({ file }) => file === entry.file),
  );
  expectSame('is used', users.length > 0, true);
  expectSame(
    'only by what must be refused',
    users.filter(({ expected }) => expected?.['valid'] !== false).map(({ file }) => file),
    [],
  );
};

export const intelCollateralJudges: Readonly<Record<string, IntelJudge>> = {
  'cert-chain': chain,
  crl: list,
  'tcb-info': document,
  'qe-identity': document,
  'mutated-collateral': mutated,
};
