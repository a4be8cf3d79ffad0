// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { anchorFromPem, vendorAnchors } from '../src/anchors.ts';

test('the release pins these keys and no others, each as a genuine vendor’s', () => {
  assert.deepEqual(
    vendorAnchors.map(({ vendor, name, spkiDigest, simulated }) => [
      vendor,
      name,
      Buffer.from(spkiDigest).toString('hex'),
      simulated,
    ]),
    [
      ['amd', 'ARK-Naples', '3a04f8f1347de206c9206a81148ba4ef0a233b245d43a15dd82de043bb3e4f69', false],
      ['amd', 'ARK-Rome', '7447ffa21e2b938bfade89f5e9066c00a328813bfc43685605cceabd18da6fde', false],
      ['amd', 'ARK-Milan', '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9', false],
      ['amd', 'ARK-Genoa', '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831', false],
      ['amd', 'ARK-Turin', '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08', false],
      [
        'intel',
        'Intel SGX Root CA',
        'a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e',
        false,
      ],
      [
        'aws',
        'aws.nitro-enclaves',
        'f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225',
        false,
      ],
      [
        'aws',
        'aws-us-gov.nitro-enclaves',
        '84e3c3bd8c64049f77e40a07ec988b76a55179f299b57eaefa520844dc67fae5',
        false,
      ],
    ],
  );
});

test('a file of no anchor says that it is none', async () => {
  await assert.rejects(anchorFromPem('no PEM at all'), { code: 'anchor/malformed', found: '0 PEM blocks' });
});
