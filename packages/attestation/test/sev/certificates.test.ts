// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  looksLikeSevCertificates,
  readCaCertificate,
  readPlatformChain,
  readSevCertificate,
} from '@enarx/attestation/sev';
import { concatBytes, EnarxError, toHex } from '@enarx/protocol';

import { needsVectors, vector, vectorJson } from '../measure/vectors.ts';
import { good, made, madeCa, patched } from './made-platform.ts';
import { certificatesOf } from './real-platforms.ts';

interface IndexEntry {
  readonly file: string;
  readonly kind: string;
  readonly expected: {
    readonly valid?: boolean;
    readonly usage: string;
    readonly api?: string;
    readonly algo: string;
    readonly signatures: readonly (readonly [string, string])[];
    readonly key_id: string;
    readonly certifying_id: string;
    readonly rsa_bits: number;
    readonly spki_sha256: string;
  };
}

const index = (kind: string): IndexEntry[] =>
  (vectorJson('INDEX.json') as IndexEntry[]).filter((entry) => entry.kind === kind);

test('every real SEV certificate is read as the index of the vectors has it', needsVectors, () => {
  const entries = index('sev-cert');
  assert.equal(entries.length, 13);
  const codes: Record<string, string> = {
    '0x1': 'RSA-PSS SHA-256',
    '0x101': 'RSA-PSS SHA-384',
    '0x2': 'ECDSA SHA-256',
    '0x3': 'ECDH SHA-256',
  };
  for (const { file, expected } of entries) {
    const { usage, api, algorithm, signatures } = readSevCertificate(vector(file));
    assert.equal(usage, expected.usage);
    assert.equal(`${algorithm.scheme} ${algorithm.hash}`, codes[expected.algo]);
    assert.equal(`${String(api.major)}.${String(api.minor)}`, expected.api ?? '0.0');
    assert.deepEqual(
      signatures.map((signature) => [
        signature.usage,
        `${signature.algorithm.scheme} ${signature.algorithm.hash}`,
      ]),
      expected.signatures.filter(([who]) => who !== 'INV').map(([who, code]) => [who, codes[code]]),
    );
  }
});

test(
  "every real certificate of AMD's is read as the index has it, and its key has the digest that is pinned",
  needsVectors,
  async () => {
    const entries = index('sev-ca-cert');
    assert.equal(entries.length, 11);
    for (const { file, expected } of entries) {
      if (expected.valid === false) continue;
      const { usage, keyId, issuerId, publicKey, signature } = readCaCertificate(vector(file));
      assert.equal(usage, expected.usage === '0x0' ? 'ARK' : 'ASK');
      assert.equal(toHex(keyId), expected.key_id);
      assert.equal(toHex(issuerId), expected.certifying_id);
      assert.equal(signature.length * 8, expected.rsa_bits);
      assert.equal(
        toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', publicKey))),
        expected.spki_sha256,
      );
    }
  },
);

test(
  "Naples' root as AMD once published it, without its signature, is refused by that name",
  needsVectors,
  () => {
    const bad = vector('virtee+sev/tests/naples/ark.cert.bad');
    assert.throws(() => readCaCertificate(bad), {
      code: 'sev/certificate-malformed',
      found: '576 bytes without a signature',
    });
    const joined = concatBytes(bad, vector('virtee+sev/tests/naples/ark.cert.sig'));
    assert.deepEqual(
      readCaCertificate(joined).encoded,
      vector('virtee+sev/src/certs/sev/builtin/naples/ark.cert'),
    );
  },
);

test(
  "a guest owner's certificate from the field is read although its tool left memory behind the key",
  needsVectors,
  () => {
    const { usage, signatures } = readSevCertificate(
      vector('virtee+kbs-types/testdata/sev_challenge.json.godh.cert'),
    );
    assert.equal(usage, 'PDH');
    assert.deepEqual(signatures, []);
  },
);

const sevRefusals: readonly (readonly [what: string, at: number, value: number, found: RegExp])[] = [
  ['of another version', 0, 2, /the head 02[0-9a-f]{14}; expected version 1/],
  ['with reserved bytes', 6, 1, /the head/],
  ['of the usage of AMD’s own', 8, 0x13, /usage 0x1013/],
  ['with an unknown key algorithm', 0xc, 0x1a, /algorithm 0x1a/],
  ['with a key on P-256', 0x10, 1, /curve 1/],
  ['with a number of 49 bytes', 0x14 + 48, 1, /behind a number/],
  ['with a signature of nobody’s', 0x414, 0x07, /a signature of usage 0x1007/],
  ['with an unknown signature algorithm', 0x418, 9, /algorithm 0x9/],
  ['with an algorithm in an unused slot', 0x620, 2, /an unused slot that is not empty/],
  ['with bytes in an unused slot', 0x823, 1, /an unused slot that is not empty/],
];

for (const [what, at, value, found] of sevRefusals) {
  test(`a SEV certificate ${what} is refused`, () => {
    assert.throws(() => readSevCertificate(patched(good.pdh, at, value)), {
      code: 'sev/certificate-malformed',
      message: found,
    });
  });
}

test('what stands behind the two numbers of a key is let be, and what stands between them is not', () => {
  const last = 0x14 + 2 * 72 - 1;
  readSevCertificate(patched(good.pdh, last + 1, 1));
  assert.throws(() => readSevCertificate(patched(good.pdh, last, 1)), { message: /behind a number/ });
});

test('each code of an algorithm stands for one', () => {
  for (const [low, high, name] of [
    [1, 0, 'RSA-PSS SHA-256'],
    [2, 0, 'ECDSA SHA-256'],
    [3, 0, 'ECDH SHA-256'],
    [1, 1, 'RSA-PSS SHA-384'],
    [2, 1, 'ECDSA SHA-384'],
    [3, 1, 'ECDH SHA-384'],
  ] as const) {
    const { algorithm } = readSevCertificate(patched(good.pdh, 0xc, low, high));
    assert.equal(`${algorithm.scheme} ${algorithm.hash}`, name);
  }
});

const caRefusals: readonly (readonly [what: string, at: number, value: number, found: RegExp])[] = [
  ['of another version', 0, 2, /the head 02/],
  ['of the usage of a platform’s', 0x25, 0x10, /the head/],
  ['with reserved bytes', 0x28, 1, /reserved/],
  ['with an exponent of another length', 0x39, 0x10, /a key of 2048 bits/],
  ['with a key of another length', 0x3d, 0x10, /a key of 4096 bits/],
  ['with another exponent', 0x40, 3, /another exponent/],
  ['with a modulus that is shorter than it says', 0x40 + 511, 0x7f, /not as long/],
];

for (const [what, at, value, found] of caRefusals) {
  test(`a certificate of AMD's ${what} is refused`, () => {
    assert.throws(() => readCaCertificate(patched(good.ark, at, value)), {
      code: 'sev/certificate-malformed',
      message: found,
    });
  });
}

test('every length but the right one is refused', () => {
  for (let length = 0; length < 2084; length += 1) {
    assert.throws(() => readSevCertificate(good.pdh.subarray(0, length)), {
      code: 'sev/certificate-malformed',
    });
    if (length < 832)
      assert.throws(() => readCaCertificate(good.ark.subarray(0, length)), {
        code: 'sev/certificate-malformed',
      });
  }
  assert.throws(() => readSevCertificate(good.pdh.subarray(1)), {
    found: '2083 bytes',
    expected: '2084 bytes',
  });
  // The head alone says already how long the whole is.
  const head = good.ark.subarray(0, 64);
  assert.throws(() => readCaCertificate(head), { found: '64 bytes', expected: '832 bytes' });
  assert.throws(() => readPlatformChain([head]), { found: '64 bytes', expected: '832 bytes' });
  assert.throws(() => readCaCertificate(head.subarray(1)), { expected: '832 or 1600 bytes' });
  assert.throws(() => readSevCertificate(concatBytes(good.pdh, Uint8Array.of(0))), EnarxError);
  assert.throws(() => readCaCertificate(concatBytes(good.ark, Uint8Array.of(0))), EnarxError);
});

test('a file is refused where no certificate begins, and cut off where one ends early', () => {
  const whole = concatBytes(...(Object.values(good) as Uint8Array[]));
  for (const tail of [0, 1, 11, 12, 63, 64, 500, 831]) {
    const cut = whole.subarray(0, whole.length - 832 + tail);
    assert.throws(() => readPlatformChain([cut]), {
      code: tail === 0 ? 'sev/chain-incomplete' : 'sev/certificate-malformed',
    });
  }
  assert.throws(() => readPlatformChain([concatBytes(good.pdh, new Uint8Array(64))]), {
    code: 'sev/certificate-malformed',
    found: '64 bytes that begin no certificate, after 1 certificates',
  });
  const unknownKey = patched(new Uint8Array(64), 0, 1);
  assert.throws(() => readPlatformChain([unknownKey]), {
    found: '64 bytes that begin no certificate, after 0 certificates',
  });
  assert.throws(() => readPlatformChain([]), { code: 'sev/chain-incomplete' });
});

test('certificates are recognised by their head', needsVectors, () => {
  for (const bytes of [...certificatesOf('Naples'), ...certificatesOf('Rome')])
    assert.ok(looksLikeSevCertificates(bytes));
  const [platform] = certificatesOf('Naples') as [Uint8Array];
  assert.ok(looksLikeSevCertificates(platform.subarray(0, 12)));
  assert.ok(!looksLikeSevCertificates(platform.subarray(0, 11)));
  for (const bytes of [
    new Uint8Array(),
    new Uint8Array(2084),
    Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    patched(good.pdh, 0, 2),
    vector('virtee+sev/tests/certs_data/report_milan.bin'),
  ])
    assert.ok(!looksLikeSevCertificates(bytes));
});

test('a certificate that was issued here reads back as it was meant', async () => {
  const pek = readSevCertificate(await made('PEK'));
  assert.deepEqual(
    pek.signatures.map(({ usage }) => usage),
    ['OCA', 'CEK'],
  );
  const ask = readCaCertificate(await madeCa('ASK'));
  assert.equal(ask.usage, 'ASK');
  assert.equal(ask.algorithm.hash, 'SHA-256');
});

test('a signature is called by the hash of the key that made it', async () => {
  const { privateKey } = await crypto.subtle.generateKey(
    { name: 'RSA-PSS', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-384' },
    false,
    ['sign', 'verify'],
  );
  const cek = readSevCertificate(await made('CEK', { signers: [{ usage: 'ASK', key: privateKey }] }));
  assert.deepEqual(cek.signatures[0]!.algorithm, { scheme: 'RSA-PSS', hash: 'SHA-384' });
});
