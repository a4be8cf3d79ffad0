// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { decodeCbor, type CborValue } from '@enarx/protocol';

import { parseCddl } from './parse.ts';
import { mismatch } from './validate.ts';

export const enarxCddl = readFileSync(
  join(import.meta.dirname, '..', '..', '..', 'packages', 'protocol', 'enarx.cddl'),
  'utf8',
);
export const enarxRules = parseCddl(enarxCddl);

/** Where some bytes break the rule of enarx.cddl, or `undefined` where they keep it. */
export function brokenRule(rule: string, bytes: Uint8Array): string | undefined {
  let value: CborValue;
  try {
    value = decodeCbor(bytes, bytes.length);
  } catch (error) {
    return `${rule}: ${(error as Error).message}`;
  }
  return mismatch(enarxRules, rule, value);
}
