// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { EnarxError, fromHex } from '@enarx/protocol';

import { es256, es384, signingAlgorithms } from '../../src/cose/algorithms.ts';
import { readSign1, signSign1, verifySign1 } from '../../src/cose/sign1.ts';
import { ratsVector, ratsVectors, withoutRatsVectors } from '../support/indexed-vectors.ts';

interface WorkingGroupExample {
  readonly title: string;
  readonly fail?: boolean;
  readonly input: {
    readonly sign0?: {
      readonly key: Readonly<Record<string, string>>;
      readonly external?: string;
    };
  };
  readonly output: { readonly cbor: string };
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => fromHex(text) as Uint8Array<ArrayBuffer>;

const coordinate = (key: Readonly<Record<string, string>>, name: string): string =>
  key[name] ?? Buffer.from(bytes(key[`${name}_hex`] as string)).toString('base64url');

/** Good by RFC 9052 and still refused: an algorithm that nothing protects, and a digest that does not fit the curve. */
const stricter: ReadonlySet<string> = new Set([
  'cose-wg+Examples/sign1-tests/sign-pass-01.json',
  'cose-wg+Examples/ecdsa-examples/ecdsa-sig-04.json',
]);

suite('the examples of the COSE working group', { skip: withoutRatsVectors }, () => {
  const examples = ratsVectors
    .filter(({ file }) => file.startsWith('cose-wg+Examples/') && file.endsWith('.json'))
    .map(({ file }) => [file, JSON.parse(ratsVector(file).toString()) as WorkingGroupExample] as const);
  let seen = 0;
  for (const [file, { title, fail, input, output }] of examples) {
    const { key, external } = input.sign0 ?? {};
    const algorithm = signingAlgorithms.find(({ curve }) => curve === key?.['crv']);
    if (key === undefined || algorithm === undefined) continue;
    seen += 1;
    test(`${file}: ${title}`, async () => {
      const imported = await crypto.subtle.importKey(
        'jwk',
        { kty: 'EC', crv: algorithm.curve, x: coordinate(key, 'x'), y: coordinate(key, 'y') },
        { name: 'ECDSA', namedCurve: algorithm.curve },
        true,
        ['verify'],
      );
      let good: boolean;
      try {
        const message = readSign1(bytes(output.cbor), 4096);
        good = await verifySign1(
          message,
          algorithm,
          imported,
          external === undefined ? undefined : bytes(external),
        );
      } catch (error) {
        assert.ok(error instanceof EnarxError);
        good = false;
      }
      assert.equal(good, fail !== true && !stricter.has(file));
    });
  }
  test('are many', () => {
    assert.ok(seen >= 9, `${String(seen)} of ${String(examples.length)}`);
  });
});

suite('COSE_Sign1', () => {
  for (const algorithm of signingAlgorithms)
    test(`${algorithm.name}: what is signed is verified, by its key and its algorithm only`, async () => {
      const generate = async (): Promise<CryptoKeyPair> =>
        crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: algorithm.curve }, true, ['sign', 'verify']);
      const [pair, other] = [await generate(), await generate()];
      const message = readSign1(
        await signSign1(Uint8Array.of(1, 2, 3), algorithm, pair.privateKey, new Map([[3, 'text/plain']])),
        1024,
      );
      assert.deepEqual(message.payload, Uint8Array.of(1, 2, 3));
      assert.equal(message.protectedHeader.get(3), 'text/plain');
      assert.equal(await verifySign1(message, algorithm, pair.publicKey), true);
      assert.equal(await verifySign1(message, algorithm, other.publicKey), false);
      assert.equal(await verifySign1(message, algorithm, pair.publicKey, Uint8Array.of(1)), false);
      const wrong = algorithm === es256 ? es384 : es256;
      assert.equal(await verifySign1(message, wrong, pair.publicKey), false);
      const short = { ...message, signature: message.signature.subarray(1) };
      assert.equal(await verifySign1(short, algorithm, pair.publicKey), false);
    });

  test('is not what another tag stands before', () => {
    assert.throws(() => readSign1(bytes('d8628440a04040'), 1024), /found the tag 98/);
  });
});
