// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { toHex } from '@enarx/protocol';

import { parseQuote } from '../../src/intel/quote.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { certify, createAuthority } from '../../../simulator/src/intel/index.ts';
import { checkOf, failures } from '../support/verifying.ts';
import { at, fakePlatform, from, keys, reportData, verifyFake } from './fake-intel.ts';

const { platform, anchor, material } = await fakePlatform();
const sgx = await platform.enclave().quote(reportData);
const tdx = await platform.trustDomain().quote(reportData);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const verify = (evidence: Uint8Array): ReturnType<typeof verifyEvidence> =>
  verifyEvidence({ evidence, endorsements: platform.collateral, anchors: [anchor], at });

describe('a quote is recognised', () => {
  for (const [name, wrap] of [
    ['alone', (quote: Uint8Array) => quote],
    ['in hex', (quote: Uint8Array) => text(`${toHex(quote)}\n`)],
    ['in base64', (quote: Uint8Array) => text(base64(quote))],
    [
      'in configfs-tsm',
      (quote: Uint8Array) => text(JSON.stringify({ outblob: base64(quote), provider: 'tdx_guest\n' })),
    ],
    [
      'in the JSON of Trustee',
      (quote: Uint8Array) => text(JSON.stringify({ quote: base64(quote), cc_eventlog: null })),
    ],
    [
      'in the JSON of dstack',
      (quote: Uint8Array) => text(JSON.stringify({ quote: `0x${toHex(quote)}`, event_log: '[]' })),
    ],
  ] as const)
    test(name, async () => {
      for (const [format, quote] of [
        ['sgx', sgx],
        ['tdx', tdx],
      ] as const) {
        const result = await verify(wrap(quote));
        assert.equal(result.format, format);
        assert.deepEqual(failures(result), []);
      }
    });

  test('with the event log that came beside it', async () => {
    const log = readFileSync(join(import.meta.dirname, 'fixtures', 'cos-113-ccel.bin'));
    const result = await verify(text(JSON.stringify({ quote: base64(tdx), cc_eventlog: base64(log) })));
    assert.deepEqual(failures(result), ['quote/event-log']);
  });

  test('by the vendor of its quoting enclave when version or key are unknown, and refused then', async () => {
    for (const [offset, value] of [
      [0, 9],
      [1, 1],
      [2, 0],
      [3, 1],
    ] as const) {
      const altered = Buffer.from(tdx);
      altered[offset] = value;
      assert.deepEqual(failures(await verify(altered)), ['quote/layout']);
    }
  });

  test('and nothing else is', async () => {
    for (const bytes of [
      new Uint8Array(47),
      new Uint8Array(500),
      text('{"quote": 7}'),
      text('{"quote": "AAAA"}'),
      text('{"outblob": "not base64!"}'),
      text('AAAA'),
    ])
      await assert.rejects(verify(bytes), { kind: 'malformed' });
  });
});

describe('a quote that is cut off or altered', () => {
  const cutAt = (quote: Uint8Array): number[] => [
    ...Array.from({ length: 52 }, (_, length) => length),
    ...Array.from({ length: 120 }, (_, index) => Math.floor((quote.length * index) / 120)),
    quote.length - 1,
  ];

  test('is refused with a failed check or as malformed, wherever it is cut', async () => {
    for (const quote of [sgx, tdx])
      for (const length of cutAt(quote)) {
        try {
          const result = await verify(quote.subarray(0, length));
          assert.equal(result.verified, undefined, String(length));
          assert.equal(checkOf(result, 'quote/layout').status, 'fail', String(length));
        } catch (error) {
          assert.match(String((error as { code?: unknown }).code), /^(evidence|cbor|message|amd|azure)\//);
        }
      }
  });

  test('is refused wherever a bit of it is flipped, but for what nobody signs', async () => {
    const unsigned = { sgx: 0, tdx: 0 };
    for (const [format, quote] of [
      ['sgx', sgx],
      ['tdx', tdx],
    ] as const) {
      const { certification } = parseQuote(quote);
      const pem = quote.length - certification.data.length;
      const places = [
        ...Array.from({ length: 60 }, (_, index) => index),
        ...Array.from({ length: 160 }, (_, index) => 60 + Math.floor(((pem - 60) * index) / 160)),
        ...Array.from(
          { length: 40 },
          (_, index) => pem + Math.floor((certification.data.length * index) / 40),
        ),
      ];
      for (const place of places) {
        const altered = new Uint8Array(quote);
        altered[place] = (altered[place] as number) ^ 1;
        try {
          const result = await verify(altered);
          // Text between PEM blocks is nobody’s, and a certificate that is lost in it may come from elsewhere.
          if (result.verified !== undefined && place < pem) unsigned[format] += 1;
        } catch (error) {
          assert.match(String((error as { code?: unknown }).code), /^[a-z]+\//);
        }
      }
    }
    assert.deepEqual(unsigned, { sgx: 0, tdx: 0 });
  });
});

describe('certificates in any order', () => {
  test('are put in order by names and keys', async () => {
    const { root, authority, pck } = material;
    const lines = (one: Uint8Array): string =>
      `-----BEGIN CERTIFICATE-----\n${base64(one)}\n-----END CERTIFICATE-----\n`;
    for (const chain of [
      [root, authority, pck],
      [authority, pck, root],
      [pck, root, authority],
    ]) {
      const certificationData = text(chain.map(lines).join(''));
      const quote = await platform.trustDomain().quote(reportData, { parts: { certificationData } });
      assert.deepEqual(failures(await verify(quote)), []);
    }
  });

  test('of look-alikes with the genuine names are told apart by who signed', async () => {
    const impostor = await createAuthority('Intel SGX Root CA');
    const validity = { notBefore: from, notAfter: at + 1e10 };
    const lookAlike = await certify(impostor, impostor, validity, []);
    const good = await verifyFake({ collateral: (files) => [lookAlike, ...files] });
    assert.deepEqual(failures(good), []);
    const p384 = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, [
      'sign',
      'verify',
    ]);
    const other = await certify(
      {
        name: keys.root.name,
        publicKey: new Uint8Array(await crypto.subtle.exportKey('spki', p384.publicKey)),
      },
      impostor,
      validity,
      [],
    );
    const offCurve = await certify(
      {
        name: keys.root.name,
        publicKey: Uint8Array.from([...keys.root.publicKey.subarray(0, -64), ...new Uint8Array(64).fill(1)]),
      },
      impostor,
      validity,
      [],
    );
    assert.deepEqual(failures(await verifyFake({ collateral: (files) => [other, offCurve, ...files] })), []);
  });

  test('none of which signed are judged, not passed over', async () => {
    const impostors = await Promise.all([1, 2].map(() => createAuthority('Intel SGX Root CA')));
    const validity = { notBefore: from, notAfter: at + 1e10 };
    const roots = await Promise.all(impostors.map((one) => certify(one, one, validity, [])));
    const { pck, authority } = material;
    const result = await verifyFake({
      quote: { parts: { certificationData: Buffer.concat([pck, authority]) } },
      collateral: (files) => [...roots, ...files.slice(1)],
    });
    assert.ok(failures(result).includes('x509/signatures'));
  });
});
