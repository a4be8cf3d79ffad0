// SPDX-License-Identifier: Apache-2.0
import { vector } from '../measure/vectors.ts';

const authorities = (product: string): string[] =>
  ['ask', 'ark'].map((name) => `virtee+sev/src/certs/sev/builtin/${product}/${name}.cert`);
const platform = (directory: string): string[] =>
  ['pdh', 'pek', 'oca', 'cek'].map((name) => `${directory}/${name}.cert`);

/** Files of real platforms: PDH, PEK, OCA, CEK, ASK, ARK. */
export const realPlatforms = {
  Naples: [...platform('virtee+sev/tests/naples'), ...authorities('naples')],
  Rome: [...platform('virtee+sev/tests/rome'), ...authorities('rome')],
  Milan: [...platform('enarx-archive+sev/tests/milan'), ...authorities('milan')],
} as const;

export type RealProduct = keyof typeof realPlatforms;

export const certificatesOf = (product: RealProduct): Uint8Array[] => realPlatforms[product].map(vector);
