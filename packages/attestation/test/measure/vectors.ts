// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const directory = join(
  process.env['ENARX_VECTORS'] ?? join(import.meta.dirname, '../../../../../shared/vectors'),
  'amd',
);

/** For `test`'s options: real evidence lies beside the checkout, not in it. */
export const needsVectors = {
  skip: existsSync(join(directory, 'INDEX.json')) ? false : `no real evidence at ${directory}`,
};

export function vector(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(directory, name)));
}

export function vectorText(name: string): string {
  return readFileSync(join(directory, name), 'utf8');
}

export function vectorJson(name: string): unknown {
  return JSON.parse(vectorText(name));
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}
