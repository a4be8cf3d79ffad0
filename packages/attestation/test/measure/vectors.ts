// SPDX-License-Identifier: Apache-2.0
import { vector as file, withoutVectors } from '../support/vectors.ts';

/** For `test`'s options. */
export const needsVectors = { skip: withoutVectors };

/** A file of the corpus as a plain array, so that it compares with what our code gives. */
export function vector(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(file(name));
}

export function vectorText(name: string): string {
  return file(name).toString('utf8');
}

export function vectorJson(name: string): unknown {
  return JSON.parse(vectorText(name));
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}
