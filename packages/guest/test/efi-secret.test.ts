// SPDX-License-Identifier: Apache-2.0
//
// The kernel's efi_secret files: read once, and taken away by unlink, which makes the kernel wipe them (drivers/virt/coco/efi_secret).
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { launchSecretGuids } from '@enarx/protocol';

import { kernelSecrets } from '../src/efi-secret.ts';

const place = mkdtempSync(join(tmpdir(), 'enarx-secrets-'));
after(() => {
  rmSync(place, { recursive: true });
});
const file = join(place, launchSecretGuids.key);

test('a secret is read, and gone afterwards', () => {
  writeFileSync(file, Buffer.from('the key'), { mode: 0o440 });
  const secrets = kernelSecrets(place);
  assert.deepEqual(secrets?.(launchSecretGuids.key), Uint8Array.from(Buffer.from('the key')));
  assert.equal(existsSync(file), false);
  assert.equal(secrets(launchSecretGuids.key), undefined, 'there is no second reading');
});

test('a secret that was not injected is none', () => {
  assert.equal(kernelSecrets(place)?.(launchSecretGuids.owner), undefined);
});

test('a kernel without the driver has no source at all', () => {
  assert.equal(kernelSecrets(join(place, 'nowhere')), undefined);
});

test('an empty secret, and one larger than firmware takes, are refused', () => {
  for (const length of [0, 16_385]) {
    writeFileSync(file, Buffer.alloc(length));
    assert.throws(() => kernelSecrets(place)?.(launchSecretGuids.key), { code: 'guest/secret-malformed' });
  }
  rmSync(file);
});

test('a secret that cannot be read is an error and never the absence of one', () => {
  mkdirSync(file);
  assert.throws(() => kernelSecrets(place)?.(launchSecretGuids.key), { code: 'guest/secret-missing' });
  rmSync(file, { recursive: true });
});
