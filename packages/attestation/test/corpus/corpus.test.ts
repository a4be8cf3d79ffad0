// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { KeyCache } from '../../src/x509/key-cache.ts';
import { vector, vectors, withoutVectors } from '../support/vectors.ts';
import { judge } from './judge.ts';

/** Kinds whose expectation is about measuring, sealing or mutations: the test that walks all of that kind. */
const elsewhere: Readonly<Record<string, readonly [test: string, mentions: string]>> = {
  'launch-digest-case': ['measure/published-digests', 'launch-inputs.json'],
  'launch-digest-cases': ['measure/published-digests', 'launch-digests.json'],
  'vmsa-page': ['measure/published-digests', 'vmsa0.bin'],
  'ovmf-firmware': ['measure/firmware', 'ovmf-firmware'],
  'id-key-public': ['measure/id-block', "index('id-key-public')"],
  'author-key-public': ['measure/id-block', "index('author-key-public')"],
  'snp-id-block': ['measure/id-block', "index('snp-id-block')"],
  'snp-id-block-base64': ['measure/id-block', "index('snp-id-block-base64')"],
  'snp-id-auth-base64': ['measure/id-block', 'auth_info.b64'],
  'enarx-id-key-signature': ['measure/id-block', 'sev-id-key-signature.blob'],
  'sev-ca-cert-signature': ['sev/certificates', 'ark.cert.sig'],
  'sev-measurement-cases': ['sev/published-vectors', 'measurement-cases.json'],
  'sev-launch-secret-cases': ['sev/published-vectors', 'secret-cases.json'],
  'sev-session-cases': ['sev/published-vectors', 'session-vectors.json'],
  // Files that the cases of measurement and secret name.
  'sev-test-input': ['sev/published-vectors', 'tik_file'],
  'snp-report-mutations': ['snp/vectors', 'turin-report-mutations.json'],
};

describe('the corpus', { skip: withoutVectors }, () => {
  const corpus = {
    entries: vectors,
    read: (file: string) => Promise.resolve(new Uint8Array(vector(file))),
    keys: new KeyCache(),
  };

  for (const entry of vectors) {
    if (Object.hasOwn(elsewhere, entry.kind)) continue;
    test(`${entry.file} gives what its index says`, async () => {
      assert.deepEqual(await judge(entry, corpus), [], entry.kind);
    });
  }

  test('has nothing that no test looks at', () => {
    assert.ok(vectors.length >= 159, String(vectors.length));
    for (const { kind } of vectors) {
      const [file, mentions] = elsewhere[kind] ?? [];
      if (file === undefined) continue;
      const source = readFileSync(join(import.meta.dirname, '..', `${file}.test.ts`), 'utf8');
      assert.ok(source.includes(mentions as string), `${file} does not look at ${kind}`);
    }
  });
});
