// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import type { Anchor } from '../../src/anchors.ts';
import {
  derBitString,
  derInteger,
  derNull,
  derOctetString,
  derSequence,
  readDer,
  readInteger,
  tags,
} from '../../src/der/index.ts';
import {
  KeyCache,
  readCertificate,
  readRevocationList,
  verifyChain,
  verifySignature,
  type ChainResult,
  type ChainToVerify,
} from '../../src/x509/index.ts';
import { importPublicKey, signatureName } from '../../src/x509/signature.ts';
import {
  at,
  basicConstraints,
  certify,
  ecAuthority,
  issueList,
  keyUsage,
  rsaAuthority,
  type Authority,
} from '../support/fake-amd.ts';
import { vector, vectors, withoutVectors } from '../support/vectors.ts';

// The chain by itself, as Intel and AWS build it: the parts of it that AMD's chains never reach.

let root: Authority;
let platform: Authority;
let leaf: Authority;
let chain: ChainToVerify['chain'];
let anchor: Anchor;

before(async () => {
  [root, platform, leaf] = await Promise.all([
    ecAuthority('root', 'P-256'),
    ecAuthority('platform', 'P-384'),
    ecAuthority('leaf', 'P-256'),
  ]);
  const authority = { extensions: [basicConstraints(true), keyUsage(0x06)] };
  chain = [
    readCertificate(await certify(leaf, platform, { serial: 9 })),
    readCertificate(await certify(platform, root, { serial: 2, ...authority })),
    readCertificate(await certify(root, root, authority)),
  ];
  const spkiDigest = new Uint8Array(await crypto.subtle.digest('SHA-256', root.publicKey));
  anchor = { vendor: 'intel', name: 'root', spkiDigest, simulated: true };
});

const verify = (alter: Partial<ChainToVerify> = {}): Promise<ChainResult> =>
  verifyChain({
    chain,
    anchors: [anchor],
    revocationLists: [],
    at,
    handledExtensions: new Set(),
    knownRevoked: () => undefined,
    keys: undefined,
    ...alter,
  });
const failed = ({ checks }: ChainResult): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

test('a chain of ECDSA keys is verified, P-256 under P-384 under P-256', async () => {
  const result = await verify();
  assert.deepEqual(failed(result), []);
  assert.equal(result.anchor, anchor);
  const spkiOf = async (key: CryptoKey | undefined): Promise<Uint8Array> =>
    new Uint8Array(await crypto.subtle.exportKey('spki', key as CryptoKey));
  assert.deepEqual(await spkiOf(result.leafKey), leaf.publicKey);
  assert.deepEqual(await spkiOf(result.issuerKey), platform.publicKey);
});

test('a key that was signed for is remembered, and not verified again', async () => {
  const keys = new KeyCache();
  const [first, second] = [await verify({ keys }), await verify({ keys })];
  assert.equal(second.leafKey, first.leafKey);
  assert.equal(second.issuerKey, first.issuerKey);
  assert.notEqual((await verify()).leafKey, first.leafKey);
});

test('an anchor says whether it is a vendor’s, and a chain without one which root it ends in', async () => {
  const detailOf = async (anchors: readonly Anchor[]): Promise<string | undefined> =>
    (await verify({ anchors })).checks.find(({ id }) => id === 'x509/anchor')?.detail;
  assert.equal(await detailOf([anchor]), 'SIMULATED anchor root');
  assert.equal(await detailOf([{ ...anchor, simulated: false }]), 'pinned key root');
  assert.match((await detailOf([])) ?? '', /^root has the key .*none of the trusted ones \(none\)/);
});

test('certificates in the wrong order fail by name and by signature', async () => {
  const [a, b, c] = chain;
  const result = await verify({ chain: [b, a, c as typeof a] });
  assert.ok(failed(result).includes('x509/names'));
  assert.ok(failed(result).includes('x509/signatures'));
  assert.equal(result.leafKey, undefined);
});

test('an algorithm of another kind than the issuer’s key is no signature', async () => {
  const rsa = await rsaAuthority('root');
  const [, b] = chain;
  const other = readCertificate(
    await certify(
      rsa,
      { ...rsa, signer: root.signer },
      { extensions: [basicConstraints(true), keyUsage(0x04)] },
    ),
  );
  assert.ok(failed(await verify({ chain: [b, other] })).includes('x509/signatures'));
});

test('signatures that are no two numbers in range are no signatures', async () => {
  const [good] = chain;
  const key = await crypto.subtle.importKey(
    'spki',
    platform.publicKey,
    { name: 'ECDSA', namedCurve: 'P-384' },
    true,
    ['verify'],
  );
  assert.equal(await verifySignature(good, key), true);
  for (const signature of [
    new Uint8Array(),
    derSequence(derInteger(1)),
    derSequence(derInteger(1), derInteger(1), derInteger(1)),
    derSequence(derInteger(0), derInteger(1)),
    derSequence(derInteger(1), derInteger(1n << 384n)),
    derSequence(derNull(), derInteger(1)),
    derOctetString(),
  ])
    assert.equal(await verifySignature({ ...good, signature }, key), false);
});

test('a good signature has one spelling: nothing behind its numbers, and none that is too large', async () => {
  const [good] = chain;
  const key = (await importPublicKey(platform.publicKey, 'p384')) as CryptoKey;
  const pair = readDer(good.signature, tags.sequence).reader();
  const [r, s] = [readInteger(pair.next(tags.integer)), readInteger(pair.next(tags.integer))];
  assert.equal(
    await verifySignature({ ...good, signature: derSequence(derInteger(r), derInteger(s)) }, key),
    true,
  );
  const beyond = 1n << 384n;
  for (const numbers of [
    [r, s, 1n],
    [r + beyond, s],
    [r + (beyond << 8n), s],
    // Cut to its low bytes the second number is s, and what is above would fall into the place of the first.
    [1n, r * beyond + s],
  ]) {
    const signature = derSequence(...numbers.map((number) => derInteger(number)));
    assert.equal(await verifySignature({ ...good, signature }, key), false);
  }
});

test('a certificate without a name is told of as such', async () => {
  const nameless = { ...leaf, name: [] };
  const result = await verify({
    chain: [
      readCertificate(await certify(nameless, platform, { notAfter: at - 1000 })),
      ...chain.slice(1),
    ] as unknown as ChainToVerify['chain'],
  });
  assert.match(
    result.checks.find(({ id }) => id === 'x509/validity')?.detail ?? '',
    /^a certificate without a name is valid from/,
  );
});

describe('a cache of keys', () => {
  test('saves work and decides nothing: dates, names, anchors, lists and the caller’s revocations count each time', async () => {
    const keys = new KeyCache();
    assert.deepEqual(failed(await verify({ keys })), []);
    assert.deepEqual(failed(await verify({ keys })), []);
    assert.deepEqual(failed(await verify({ keys, at: at * 2 })), ['x509/validity']);
    assert.deepEqual(failed(await verify({ keys, anchors: [] })), ['x509/anchor']);
    const list = readRevocationList(await issueList(root, { revoked: [2] }));
    assert.deepEqual(failed(await verify({ keys, revocationLists: [list] })), ['x509/not-revoked']);
    assert.deepEqual(failed(await verify({ keys, knownRevoked: () => 'known' })).slice(0, 1), [
      'x509/not-revoked',
    ]);
  });

  test('knows a certificate by all its bytes and by its issuer', async () => {
    const keys = new KeyCache();
    await verify({ keys });
    const [certificate, ...issuers] = chain;
    const encoded = certificate.encoded.slice();
    encoded[encoded.length - 1] = (encoded.at(-1) as number) ^ 1;
    const forged = [readCertificate(encoded), ...issuers] as unknown as ChainToVerify['chain'];
    assert.deepEqual(failed(await verify({ keys, chain: forged })), ['x509/signatures']);
    assert.deepEqual(
      failed(await verify({ keys, chain: forged })),
      ['x509/signatures'],
      'and a failure is not kept as a success',
    );
    const other = await ecAuthority('platform', 'P-384');
    const impostor = readCertificate(
      await certify(other, root, { extensions: [basicConstraints(true), keyUsage(0x04)] }),
    );
    assert.deepEqual(
      failed(await verify({ keys, chain: [certificate, impostor, chain[2] as typeof certificate] })),
      ['x509/signatures'],
    );
  });

  test('knows which lists the root signed, by all that decides, and none that it did not', async () => {
    const keys = new KeyCache();
    const list = readRevocationList(await issueList(root));
    const stranger = { ...(await ecAuthority('root', 'P-256')), name: root.name };
    const forged = readRevocationList(await issueList(stranger));
    for (let time = 0; time < 2; time += 1) {
      assert.deepEqual(failed(await verify({ keys, revocationLists: [list] })), []);
      assert.deepEqual(failed(await verify({ keys, revocationLists: [forged] })), ['x509/revocation-list']);
    }
    assert.equal(keys.knowsSignature(signatureName(list, root.publicKey)), true);
    assert.equal(keys.knowsSignature(signatureName(list, stranger.publicKey)), false);
    assert.equal(keys.knowsSignature(signatureName(forged, root.publicKey)), false);
    // What it knows is not asked of the key again.
    keys.addSignature(signatureName(forged, root.publicKey));
    assert.deepEqual(failed(await verify({ keys, revocationLists: [forged] })), []);
  });

  test('holds no more than it may, and lets go of what was not used', async () => {
    const keys = new KeyCache(2);
    const { publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const cached = { key: publicKey, digest: new Uint8Array(32) };
    keys.set('a', cached);
    keys.set('b', cached);
    assert.equal(keys.get('a'), cached);
    keys.set('c', cached);
    assert.equal(keys.get('b'), undefined);
    assert.equal(keys.get('a'), cached);
    assert.equal(keys.get('c'), cached);
  });
});

describe('revocation lists', () => {
  test('of AMD are read as their index says, and signed by its roots', { skip: withoutVectors }, async () => {
    const lists = vectors.filter(({ kind }) => kind === 'crl');
    assert.equal(lists.length, 2);
    for (const { file, expected, product } of lists) {
      const list = readRevocationList(vector(file));
      assert.equal(list.number, BigInt(expected['crl_number'] as number));
      assert.equal(list.thisUpdate, Date.parse(expected['this_update'] as string));
      assert.equal(list.nextUpdate, Date.parse(expected['next_update'] as string));
      assert.deepEqual(
        [...list.revoked].map((serial) => `0x${serial.toString(16)}`),
        expected['revoked_serials'],
      );
      assert.equal(list.issuer.commonName, expected['issuer']);
      assert.deepEqual(list.unhandled, []);
      const { amdAuthorities } = await import('../../src/amd/authorities.ts');
      const ark = amdAuthorities.find(({ subject }) => subject.commonName === `ARK-${product as string}`);
      const key = await crypto.subtle.importKey(
        'spki',
        ark?.publicKey as Uint8Array<ArrayBuffer>,
        { name: 'RSA-PSS', hash: 'SHA-384' },
        true,
        ['verify'],
      );
      assert.equal(await verifySignature(list, key), true);
    }
  });

  test('in other shapes are refused', async () => {
    const good = await issueList(root, {
      revoked: [1, 2],
      entryExtensions: [{ oid: '2.5.29.21', value: derNull() }],
    });
    const list = readRevocationList(good);
    assert.deepEqual([...list.revoked], [1n, 2n]);
    assert.deepEqual(list.unhandled, [], 'a reason code changes nothing');
    const refused = (bytes: Uint8Array, code: string, found: RegExp): void => {
      assert.throws(
        () => readRevocationList(bytes),
        (error: unknown) => {
          assert.equal((error as { code?: string }).code, code, String(error));
          assert.match((error as Error).message, found);
          return true;
        },
      );
    };
    refused(new Uint8Array(262_145), 'x509/malformed', /262145 bytes; expected at most 262144/);
    refused(new Uint8Array(262_144), 'der/malformed', /expected/);
    refused(await certify(root, root), 'der/malformed', /expected integer/);
    const { algorithm } = root.signer;
    const wrap = (body: Uint8Array, outer = algorithm): Uint8Array =>
      derSequence(body, outer, derBitString(new Uint8Array(70)));
    refused(wrap(derSequence(derInteger(0), algorithm)), 'x509/malformed', /not of version 2/);
    refused(
      wrap(derSequence(derInteger(1), algorithm), platform.signer.algorithm),
      'x509/malformed',
      /two different/,
    );
    // A NULL more, in each of the places that end.
    const more = derNull();
    const body = readDer(good, tags.sequence).reader().next(tags.sequence);
    const parts = body.reader();
    const head = [1, 2, 3, 4, 5].map(() => parts.next().encoded);
    const [entries, last] = [parts.next(), parts.next().encoded];
    const [entry] = [entries.reader().next()];
    const longEntry = derSequence(entry.content, more);
    refused(derSequence(readDer(good, tags.sequence).content, more), 'der/malformed', /2 more bytes/);
    refused(wrap(derSequence(body.content, more)), 'der/malformed', /2 more bytes/);
    refused(wrap(derSequence(...head, derSequence(longEntry), last)), 'der/malformed', /2 more bytes/);
    const unnumbered = await issueList({ ...root, name: root.name }, { extensions: [] });
    const text = Buffer.from(unnumbered).toString('hex').replace('0603551d14', '0603551d15');
    refused(Uint8Array.from(Buffer.from(text, 'hex')), 'x509/malformed', /without a number/);
  });
});

test('of lists with one number the later is the newest, in whatever order they come', async () => {
  const day = 86_400_000;
  const old = await issueList(root, { thisUpdate: at - 9 * day, nextUpdate: at - day });
  const current = await issueList(root);
  const lists = [old, current].map(readRevocationList);
  assert.deepEqual(failed(await verify({ revocationLists: lists })), []);
  assert.deepEqual(failed(await verify({ revocationLists: lists.toReversed() })), []);
  assert.deepEqual(failed(await verify({ revocationLists: lists.slice(0, 1) })), ['x509/revocation-list']);
});

test('of lists of several months the one for the time of verification counts, and what a later one revokes is revoked', async () => {
  const day = 86_400_000;
  const old = readRevocationList(
    await issueList(root, { number: 1, thisUpdate: at - 60 * day, nextUpdate: at - 30 * day }),
  );
  const current = readRevocationList(await issueList(root, { number: 2 }));
  const then = at - 40 * day;
  for (const revocationLists of [
    [old, current],
    [current, old],
  ]) {
    const result = await verify({ revocationLists, at: then });
    assert.deepEqual(failed(result), []);
    assert.equal(result.revocation.crlNumber, 1n);
    assert.equal((await verify({ revocationLists })).revocation.crlNumber, 2n);
  }
  // Between the two no list is for the time.
  assert.deepEqual(failed(await verify({ revocationLists: [old, current], at: at - 20 * day })), [
    'x509/revocation-list',
  ]);
  const [, intermediate] = chain;
  const revoking = readRevocationList(await issueList(root, { number: 2, revoked: [intermediate.serial] }));
  assert.deepEqual(failed(await verify({ revocationLists: [old, revoking], at: then })), [
    'x509/not-revoked',
  ]);
});

test('where no list was given it is said what is known instead', async () => {
  const detailOf = async (lists: Uint8Array[]): Promise<string | undefined> => {
    const { checks } = await verify({ revocationLists: lists.map((bytes) => readRevocationList(bytes)) });
    return checks.find(({ id }) => id === 'x509/not-revoked')?.detail;
  };
  assert.equal(await detailOf([]), 'not on the list that comes with this release; no other was given');
  assert.equal(await detailOf([await issueList(root)]), 'on no list');
});

test('a list holds in the first and in the last moment that it names, and not beyond', async () => {
  const second = 1000;
  const [first, last] = [at - second, at + second];
  const lists = [readRevocationList(await issueList(root, { thisUpdate: first, nextUpdate: last }))];
  for (const time of [first, last])
    assert.deepEqual(failed(await verify({ revocationLists: lists, at: time })), []);
  for (const time of [first - 1, last + 1])
    assert.deepEqual(failed(await verify({ revocationLists: lists, at: time })), ['x509/revocation-list']);
});
