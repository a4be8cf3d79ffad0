// SPDX-License-Identifier: Apache-2.0
import { readPem } from '@enarx/attestation';
import { idKeyDigest } from '@enarx/attestation/measure';
import { toHex } from '@enarx/protocol';

import type { EnarxContext, OutputFlags } from '../../context.ts';
import { readNamedBytes } from '../../named-file.ts';
import { cliProblem } from '../../problems.ts';

const mostKeyBytes = 65_536;

/** ID_KEY_DIGEST or AUTHOR_KEY_DIGEST of the key in a file: a policy's `id-keys` and `author-keys`. */
export async function measureKey(this: EnarxContext, _flags: OutputFlags, file: string): Promise<void> {
  const text = new TextDecoder().decode(await readNamedBytes(file, mostKeyBytes));
  const [block, ...more] = readPem(text);
  if (block?.label !== 'PUBLIC KEY' || more.length > 0)
    throw cliProblem('cli/usage', {
      found: block === undefined ? `${file} without a PEM block` : `${file} with ${block.label}`,
      expected: 'one block PUBLIC KEY: openssl pkey -in key.pem -pubout',
    });
  const digest = toHex(await idKeyDigest(block.content));
  this.output.result({ digest }, () => digest);
}
