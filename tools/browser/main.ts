// SPDX-License-Identifier: Apache-2.0
//
// Part of `npm run build`: the verifier and the auditors' page for browsers, and what they weigh.
import { relative } from 'node:path';

import { browserDirectory, bundleForBrowsers } from './bundle.ts';

/** Most bytes after gzip: for AMD alone, and for AMD (SNP, legacy SEV), Intel (SGX, TDX) and AWS Nitro together. */
const goals = { amd: 60_000, all: 120_000 } as const;

const sizes = await bundleForBrowsers();
const { amd, all, everything, page } = sizes;
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
console.log(
  `${relative(process.cwd(), browserDirectory)}: AMD ${kilobytes(amd)} gzip (goal ${kilobytes(goals.amd)}), all vendors ${kilobytes(all)} (goal ${kilobytes(goals.all)}), with results, wrappers and bundles ${kilobytes(everything)}, verify.html ${kilobytes(page)}`,
);
for (const part of ['amd', 'all'] as const)
  if (sizes[part] > goals[part]) {
    console.error(`The bundle for ${part} is larger than ${kilobytes(goals[part])}.`);
    process.exitCode = 1;
  }
