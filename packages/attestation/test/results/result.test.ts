// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createPublicKey, verify as verifyWithNode } from 'node:crypto';
import { suite, test } from 'node:test';

import { decode, encode, type Tag } from 'cbor2';

import type { Check, Claims, Verdict } from '@enarx/attestation';
import { EnarxError, encodeCbor, type CborValue } from '@enarx/protocol';

import { readCbor, type CborItem } from '../../src/cose/cbor.ts';
import { signSign1 } from '../../src/cose/sign1.ts';
import { es256 } from '../../src/cose/algorithms.ts';
import { policyFieldChecks } from '../../src/policy/documentation.ts';
import { base64url } from '../../src/results/base64url.ts';
import { cborClaims, jsonClaims, readCborClaims, readJsonClaims } from '../../src/results/claims-set.ts';
import {
  categories,
  makeResult,
  policyMappings,
  signCwt,
  signJwt,
  tierOf,
  verifyResult,
  worstOf,
  type AttestationResult,
} from '../../src/results/index.ts';

const at = Date.parse('2026-06-01T12:00:00Z');
const issuedAt = at / 1000;
const verifier = { developer: 'https://enarx.example', build: 'enarx 0.1.0' };
const keyPair = async (namedCurve = 'P-256'): Promise<CryptoKeyPair> =>
  crypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify']);

const check = (id: string, status: Check['status']): Check => ({ id, status, detail: '' });
const snp = { format: 'snp', report: { policy: { debug: false } } } as unknown as Claims;

function verdict(parts: Partial<Verdict> = {}): Verdict {
  return {
    verdict: 'accepted',
    format: 'snp',
    simulated: false,
    checks: [check('snp/signature', 'pass'), check('policy/snp-measurements', 'pass')],
    claims: snp,
    ...parts,
  };
}

const resultOf = (parts?: Partial<Verdict>): AttestationResult =>
  makeResult({ verdict: verdict(parts), issuedAt, verifier });
const rejectedBy = (id: string): Partial<Verdict> => ({ verdict: 'rejected', checks: [check(id, 'fail')] });

const isCode =
  (code: string, found = /./) =>
  (error: unknown): boolean =>
    error instanceof EnarxError && error.code === code && found.test(error.message);

suite('tiers', () => {
  test('are those of the draft, at their edges', () => {
    for (const [value, tier] of [
      [-128, 'contraindicated'],
      [-97, 'contraindicated'],
      [-96, 'warning'],
      [-33, 'warning'],
      [-32, 'affirming'],
      [-2, 'none'],
      [-1, 'none'],
      [0, 'none'],
      [1, 'none'],
      [2, 'affirming'],
      [31, 'affirming'],
      [32, 'warning'],
      [95, 'warning'],
      [96, 'contraindicated'],
      [127, 'contraindicated'],
    ] as const)
      assert.equal(tierOf(value), tier, String(value));
  });

  test('the worst of a vector is what it states, and nothing when it states nothing', () => {
    assert.equal(worstOf({}), undefined);
    assert.equal(worstOf({ configuration: 0 }), undefined);
    assert.equal(worstOf({ configuration: 0, hardware: 2 }), 'affirming');
    assert.equal(worstOf({ hardware: 32, executables: 3 }), 'warning');
    assert.equal(worstOf({ executables: 3, hardware: 97, configuration: 32 }), 'contraindicated');
  });
});

suite('the result of a verdict', () => {
  test('affirms what is genuine and approved', () => {
    const result = resultOf();
    assert.equal(result.status, 'affirming');
    assert.deepEqual(Object.fromEntries(result.submodules), {
      platform: { status: 'affirming', vector: { hardware: 2 }, policyIds: [] },
      keep: { status: 'affirming', vector: { 'runtime-opaque': 2, executables: 3 }, policyIds: [] },
    });
  });

  test('affirms no program that nobody approved', () => {
    const result = resultOf({
      checks: [check('snp/signature', 'pass'), check('policy/snp-measurements', 'not-applicable')],
    });
    assert.equal(result.submodules.get('keep')?.status, 'none');
    assert.equal(result.status, 'none');
  });

  test('affirms no simulated hardware, whatever was accepted, and says SIMULATED', () => {
    const result = resultOf({ simulated: true });
    assert.deepEqual([...result.submodules.keys()], ['SIMULATED platform', 'SIMULATED keep']);
    assert.equal(result.submodules.get('SIMULATED platform')?.vector.hardware, 97);
    assert.equal(result.status, 'contraindicated');
  });

  test('is contraindicated as a whole when the verdict is, and cryptographically so when a signature is wrong', () => {
    const result = resultOf({ ...rejectedBy('snp/signature'), claims: snp });
    assert.deepEqual(
      [...result.submodules.values()].map(({ status, vector }) => [status, vector]),
      [
        ['contraindicated', { 'instance-identity': 99, hardware: 99 }],
        ['contraindicated', { executables: 99 }],
      ],
    );
  });

  test('blames the hardware alone for dates and revocation, and for a level that Intel has none for', () => {
    for (const id of [
      'x509/validity',
      'x509/not-revoked',
      'quote/tcb-info-dates',
      'quote/pck-revocation',
      'quote/tcb-level',
    ]) {
      const { submodules } = resultOf(rejectedBy(id));
      assert.deepEqual(submodules.get('platform')?.vector, { hardware: 96 }, id);
      assert.deepEqual(submodules.get('keep')?.vector, {});
      assert.equal(submodules.get('keep')?.status, 'contraindicated');
    }
  });

  test('says of memory who can read it', () => {
    const memory = (claims: unknown): number | undefined =>
      resultOf({ claims: claims as Claims }).submodules.get('keep')?.vector['runtime-opaque'];
    assert.equal(memory({ format: 'snp', report: { policy: { debug: true } } }), 96);
    assert.equal(memory({ format: 'sgx', report: { attributes: { debug: true } } }), 96);
    assert.equal(memory({ format: 'sgx', report: { attributes: { debug: false } } }), 2);
    assert.equal(memory({ format: 'tdx', report: { tdAttributes: { debug: true } } }), 96);
    assert.equal(memory({ format: 'tdx', report: { tdAttributes: { debug: false } } }), 2);
    assert.equal(memory({ format: 'nitro', debug: true }), 96);
    assert.equal(memory({ format: 'nitro', debug: false }), 32);
    assert.equal(memory({ format: 'sev' }), undefined);
    assert.equal(memory(undefined), undefined);
  });

  test('takes Intel’s word on a TCB', () => {
    const hardware = (status: string | undefined): number | undefined =>
      resultOf({
        claims: {
          format: 'sgx',
          report: { attributes: { debug: false } },
          tcb: status === undefined ? undefined : { status },
        } as unknown as Claims,
      }).submodules.get('platform')?.vector.hardware;
    assert.equal(hardware('UpToDate'), 2);
    assert.equal(hardware('SWHardeningNeeded'), 32);
    assert.equal(hardware(undefined), 32);
  });

  test('keeps the worse of two findings in one category, in whichever order', () => {
    for (const ids of [
      ['policy/snp-firmware-minimum-tcb', 'policy/anchor'],
      ['policy/anchor', 'policy/snp-firmware-minimum-tcb'],
    ]) {
      const { submodules } = resultOf({ verdict: 'rejected', checks: ids.map((id) => check(id, 'fail')) });
      assert.equal(submodules.get('platform')?.vector.hardware, 97);
    }
  });

  test('loses no failure of a policy: each lands in a category, and is no better than a warning', () => {
    for (const id of [
      ...Object.keys(policyFieldChecks),
      'policy/tee',
      'policy/anchor',
      'policy/report-data',
      'policy/new-field',
    ]) {
      const { submodules } = resultOf(rejectedBy(id));
      const worst = [...submodules.values()].map(({ vector }) => worstOf(vector));
      assert.ok(worst.includes('warning') || worst.includes('contraindicated'), id);
    }
    for (const { onFailure } of policyMappings) assert.notEqual(tierOf(onFailure), 'affirming');
  });

  for (const [id, part, category, value] of [
    ['policy/report-data', 'keep', 'instance-identity', 99],
    ['policy/snp-products', 'platform', 'hardware', 97],
    ['policy/snp-chips-refused', 'platform', 'instance-identity', 96],
    ['policy/nitro-modules', 'platform', 'instance-identity', 97],
    ['policy/sgx-tcb-statuses', 'platform', 'hardware', 32],
    ['policy/tdx-attributes-debug', 'keep', 'runtime-opaque', 96],
    ['policy/nitro-images', 'keep', 'executables', 33],
    ['policy/snp-host-data', 'keep', 'configuration', 96],
    ['policy/snp-guest-policy-smt', 'platform', 'configuration', 96],
  ] as const)
    test(`${id} that fails makes ${category} of the ${part} ${String(value)}`, () => {
      assert.equal(resultOf(rejectedBy(id)).submodules.get(part)?.vector[category], value);
    });

  test('is not made of what cannot be said', () => {
    const make = (options: object) => () =>
      makeResult({ verdict: verdict(), issuedAt, verifier, ...options });
    assert.throws(make({ issuedAt: 1.5 }), isCode('result/unencodable', /the time 1\.5/));
    assert.throws(make({ expires: -1 }), isCode('result/unencodable'));
    assert.throws(make({ nonce: new Uint8Array(7) }), isCode('result/unencodable', /a nonce of 7 bytes/));
    assert.throws(make({ nonce: new Uint8Array(65) }), isCode('result/unencodable'));
  });
});

const whole = makeResult({
  verdict: verdict(),
  issuedAt,
  expires: issuedAt + 300,
  verifier,
  nonce: new Uint8Array(32).fill(5),
  policyId: 'ni:///sha-256;x',
  evidence: Uint8Array.of(1, 2, 3),
});

suite('signed', () => {
  for (const curve of ['P-256', 'P-384'])
    test(`with ${curve}, a result is read back as it was made, from CWT and JWT`, async () => {
      const { privateKey, publicKey } = await keyPair(curve);
      const nonce = new Uint8Array(32).fill(5);
      for (const result of [
        await signCwt(whole, privateKey),
        Buffer.from(await signJwt(whole, privateKey)),
      ]) {
        const read = await verifyResult({ result, key: publicKey, at, nonce });
        assert.deepEqual({ ...read, nonces: [] }, { ...whole, nonces: [] });
        const other = await keyPair(curve);
        await assert.rejects(
          verifyResult({ result, key: other.publicKey, at, nonce }),
          isCode('result/rejected', /did not sign/),
        );
      }
      const bare = makeResult({ verdict: verdict(rejectedBy('x509/validity')), issuedAt, verifier });
      const cwt = await verifyResult({ result: await signCwt(bare, privateKey), key: publicKey, at });
      const jwt = await verifyResult({
        result: Buffer.from(await signJwt(bare, privateKey)),
        key: publicKey,
        at,
      });
      assert.deepEqual(cwt, bare);
      assert.deepEqual(jwt, bare);
    });

  test('what we write is what others read: the draft’s names and numbers, with Node’s own ECDSA and another CBOR library', async () => {
    const { privateKey, publicKey } = await keyPair();
    const key = createPublicKey({ key: await crypto.subtle.exportKey('jwk', publicKey), format: 'jwk' });
    const signed = (input: Uint8Array, signature: Uint8Array): boolean =>
      verifyWithNode('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
    const [header, claims, signature] = (await signJwt(whole, privateKey)).split('.') as [
      string,
      string,
      string,
    ];
    assert.ok(signed(Buffer.from(`${header}.${claims}`), Buffer.from(signature, 'base64url')));
    assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url').toString()), {
      alg: 'ES256',
      typ: 'eat+jwt',
    });
    assert.deepEqual(JSON.parse(Buffer.from(claims, 'base64url').toString()), {
      eat_profile: 'tag:ietf.org,2026:rats/ear#03',
      iat: issuedAt,
      exp: issuedAt + 300,
      ear_status: 'affirming',
      ear_verifier_id: verifier,
      eat_nonce: Buffer.alloc(32, 5).toString('base64url'),
      ear_raw_evidence: 'AQID',
      submods: {
        platform: {
          ear_status: 'affirming',
          ear_trustworthiness_vector: { hardware: 2 },
          ear_appraisal_policy_ids: ['ni:///sha-256;x'],
        },
        keep: {
          ear_status: 'affirming',
          ear_trustworthiness_vector: { 'runtime-opaque': 2, executables: 3 },
          ear_appraisal_policy_ids: ['ni:///sha-256;x'],
        },
      },
    });
    const tagged = decode<Tag>(await signCwt(whole, privateKey));
    assert.equal(tagged.tag, 18);
    const [protectedBytes, , payload, cwtSignature] = tagged.contents as [
      Uint8Array,
      unknown,
      Uint8Array,
      Uint8Array,
    ];
    assert.ok(signed(encode(['Signature1', protectedBytes, new Uint8Array(0), payload]), cwtSignature));
    const read = decode<Map<number, unknown>>(payload, { preferMap: true });
    assert.deepEqual([...read.keys()], [4, 6, 10, 265, 266, 1000, 1002, 1004]);
    const keep = (read.get(266) as Map<string, Map<number, unknown>>).get('keep');
    assert.deepEqual(
      keep,
      new Map<number, unknown>([
        [1000, 2],
        [
          1001,
          new Map([
            [2, 3],
            [5, 2],
          ]),
        ],
        [1003, ['ni:///sha-256;x']],
      ]),
    );
  });

  test('with the tag of CWT in front it is the same', async () => {
    const { privateKey, publicKey } = await keyPair();
    const result = Buffer.concat([Buffer.of(0xd8, 61), await signCwt(whole, privateKey)]);
    assert.equal((await verifyResult({ result, key: publicKey, at })).status, 'affirming');
  });

  test('a nonce and evidence whose base64 looks like hexadecimal are still base64', async () => {
    const { privateKey, publicKey } = await keyPair();
    const nonce = new Uint8Array(12);
    const made = makeResult({ verdict: verdict(), issuedAt, verifier, nonce, evidence: nonce });
    const result = Buffer.from(await signJwt(made, privateKey));
    const read = await verifyResult({ result, key: publicKey, at, nonce });
    assert.deepEqual(read.nonces, ['AAAAAAAAAAAAAAAA']);
    assert.deepEqual(read.rawEvidence, nonce);
  });

  test('it is refused after its end, before its time, and without the nonce', async () => {
    const { privateKey, publicKey } = await keyPair();
    const result = await signCwt(whole, privateKey);
    const verify = (options: object) => verifyResult({ result, key: publicKey, at, ...options });
    await verify({ at: at + 299_999 });
    await assert.rejects(
      verify({ at: at + 300_000 }),
      isCode('result/rejected', /expired 2026-06-01T12:05:00Z/),
    );
    await verify({ at: at - 300_000 });
    await assert.rejects(verify({ at: at - 300_001 }), isCode('result/rejected', /which is after/));
    await assert.rejects(verify({ nonce: new Uint8Array(32) }), isCode('result/rejected', /nonce/));
    const jwt = { ...whole, nonces: ['!', new Uint8Array(8)] };
    await assert.rejects(
      verifyResult({
        result: Buffer.from(await signJwt(jwt, privateKey)),
        key: publicKey,
        at,
        nonce: new Uint8Array(8),
      }),
      isCode('result/rejected', /nonce/),
    );
  });

  test('no other key signs or verifies a result', async () => {
    const rsa = await crypto.subtle.generateKey(
      {
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength: 2048,
        publicExponent: Uint8Array.of(1, 0, 1),
        hash: 'SHA-256',
      },
      true,
      ['sign', 'verify'],
    );
    await assert.rejects(signJwt(whole, rsa.privateKey), isCode('result/unencodable', /RSASSA/));
    await assert.rejects(
      verifyResult({ result: Uint8Array.of(1), key: rsa.publicKey, at }),
      isCode('result/rejected', /RSASSA/),
    );
  });

  test('a header cannot choose the algorithm, nor demand what we do not know, nor be no header', async () => {
    const { privateKey, publicKey } = await keyPair();
    const [, claims, signature] = (await signJwt(whole, privateKey)).split('.') as [string, string, string];
    const verify = (header: string | Uint8Array, rest = `${claims}.${signature}`) =>
      verifyResult({
        result: Buffer.from(`${base64url(Buffer.from(header))}.${rest}`),
        key: publicKey,
        at,
      });
    await assert.rejects(verify('{"alg":"none"}', `${claims}.`), isCode('result/rejected', /"none"/));
    await assert.rejects(verify('{"typ":"JWT"}'), isCode('result/rejected', /the algorithm undefined/));
    await assert.rejects(verify('{"alg":"ES256","crit":["b64"]}'), isCode('result/rejected', /critical/));
    await assert.rejects(verify('{"alg":"ES256"}'), isCode('result/rejected', /did not sign/));
    await assert.rejects(verify('{"alg"'), isCode('result/malformed', /a header that is no JSON/));
    await assert.rejects(verify(Uint8Array.of(0x7b, 0x22, 0xff)), isCode('result/malformed', /not UTF-8/));
    await assert.rejects(verify('{"alg":"ES256"}', claims), isCode('result/malformed', /three parts/));
    await assert.rejects(
      verify('{"alg":"ES256"}', `${claims}.a+b`),
      isCode('result/malformed', /three parts/),
    );
    await assert.rejects(
      verify('{"alg":"ES256"}', `.${claims}.${signature}`),
      isCode('result/malformed', /three parts/),
    );
    await assert.rejects(
      verify('{"alg":"ES256"}', `!.${signature}`),
      isCode('result/malformed', /three parts/),
    );
    await assert.rejects(
      verifyResult({ result: Buffer.from('eyJ=.e30.AA'), key: publicKey, at }),
      isCode('result/malformed', /three parts/),
    );
    await assert.rejects(
      verifyResult({ result: new Uint8Array(1_048_577), key: publicKey, at }),
      isCode('result/malformed', /1048577 bytes/),
    );
  });

  test('what is signed and is no result is refused', async () => {
    const { privateKey, publicKey } = await keyPair();
    const result = await signSign1(encodeCbor([]), es256, privateKey);
    await assert.rejects(
      verifyResult({ result, key: publicKey, at }),
      isCode('result/malformed', /claims that is no map/),
    );
    await assert.rejects(
      verifyResult({ result: Uint8Array.of(0xd8, 62, 0), key: publicKey, at }),
      isCode('cose/malformed', /the tag 62/),
    );
  });
});

suite('claims that are not those of a result', () => {
  const good = JSON.parse(jsonClaims(whole)) as Readonly<Record<string, unknown>>;
  const part = { ear_status: 'affirming' };
  const cases: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
    [{ eat_profile: undefined }, /eat_profile that is no text/],
    [{ eat_profile: 'test' }, /the profile "test"/],
    [{ iat: undefined }, /iat that is no whole number/],
    [{ iat: 1.5 }, /iat that is no whole number/],
    [{ exp: '1' }, /exp that is no whole number/],
    [{ exp: -1 }, /exp that is no whole number/],
    [{ exp: 253_402_300_800 }, /exp that is no whole number of seconds from 1970 to 9999/],
    [{ ear_verifier_id: undefined }, /ear_verifier_id that is no map/],
    [{ ear_verifier_id: { developer: 'x' } }, /build that is no text/],
    [{ ear_verifier_id: { build: 'x' } }, /developer that is no text/],
    [{ ear_status: 'good' }, /ear_status that is none of the tiers/],
    [{ ear_status: 2 }, /ear_status that is none of the tiers/],
    [{ eat_nonce: 5 }, /eat_nonce that is neither/],
    [{ ear_raw_evidence: '!' }, /ear_raw_evidence that is no bytes/],
    [{ ear_raw_evidence: 5 }, /ear_raw_evidence that is no bytes/],
    [{ submods: undefined }, /submods that are no map/],
    [{ submods: {} }, /submods that are no map of 1 to 64/],
    [
      { submods: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`s${String(i)}`, part])) },
      /submods/,
    ],
    [{ submods: { a: 5 } }, /a submodule that is no map/],
    [{ submods: { a: {} } }, /ear_status that is none of the tiers/],
    [{ submods: { a: { ...part, ear_trustworthiness_vector: [] } } }, /vector that is no map/],
    [{ submods: { a: { ...part, ear_trustworthiness_vector: { colour: 2 } } } }, /the category colour/],
    [{ submods: { a: { ...part, ear_trustworthiness_vector: { hardware: 128 } } } }, /from -128 to 127/],
    [{ submods: { a: { ...part, ear_trustworthiness_vector: { hardware: -129 } } } }, /from -128 to 127/],
    [{ submods: { a: { ...part, ear_trustworthiness_vector: { hardware: 'x' } } } }, /from -128 to 127/],
    [
      { submods: { a: { ...part, ear_trustworthiness_vector: { hardware: 32 } } } },
      /the status affirming over a vector whose worst is warning/,
    ],
    [
      { submods: { a: { ...part, ear_appraisal_policy_ids: [1] } } },
      /ear_appraisal_policy_ids that is no text/,
    ],
  ];
  for (const [changes, reason] of cases)
    test(`${JSON.stringify(changes).slice(0, 60)} are refused`, () => {
      assert.throws(
        () => readJsonClaims(JSON.stringify({ ...good, ...changes })),
        isCode('result/malformed', reason),
      );
    });

  test('text that is no JSON and no object is refused', () => {
    assert.throws(() => readJsonClaims('{'), isCode('result/malformed', /no JSON/));
    for (const text of ['null', '[]', '"x"', '5'])
      assert.throws(() => readJsonClaims(text), isCode('result/malformed'));
  });

  test('in CBOR numbers and bytes are wanted where JSON has words', () => {
    const change = (label: number, value: CborValue): CborItem =>
      readCbor(encodeCbor(new Map([...cborClaims(whole), [label, value]])), 4096);
    readCborClaims(change(10, [new Uint8Array(8), 'text']));
    assert.throws(() => readCborClaims(change(1000, 'affirming')), isCode('result/malformed', /ear_status/));
    assert.throws(() => readCborClaims(change(1002, 'AQID')), isCode('result/malformed', /ear_raw_evidence/));
    const submodule = (vector: CborValue): CborValue =>
      new Map([
        [
          'a',
          new Map<CborValue, CborValue>([
            [1000, 0],
            [1001, vector],
          ]),
        ],
      ]);
    readCborClaims(change(266, submodule(new Map([[7, 2]]))));
    for (const key of [8, -1, 'hardware', '1', ''])
      assert.throws(
        () => readCborClaims(change(266, submodule(new Map([[key, 2]])))),
        isCode('result/malformed', /the category/),
      );
    const byNumber = new Map([[1, new Map([[1000, 0]])]]);
    assert.throws(
      () => readCborClaims(change(266, byNumber)),
      isCode('result/malformed', /the name of a submodule/),
    );
    assert.deepEqual(
      Object.keys(
        readCborClaims(
          change(
            266,
            submodule(
              new Map([
                [0, 2],
                [7, 2],
              ]),
            ),
          ),
        ).submodules.get('a')?.vector ?? {},
      ),
      [categories[0], categories[7]],
    );
  });
});
