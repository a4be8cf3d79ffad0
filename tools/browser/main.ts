// SPDX-License-Identifier: Apache-2.0
//
// Part of `npm run build`: the verifier and the auditors' page for browsers, and what they weigh.
import { relative } from 'node:path';

import { browserDirectory, bundleForBrowsers } from './bundle.ts';

/** What decision-makers were promised, for AMD. */
const goal = 60_000;

const { amd, all, page } = await bundleForBrowsers();
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
console.log(
  `${relative(process.cwd(), browserDirectory)}: AMD ${kilobytes(amd)} gzip (goal ${kilobytes(goal)}), all vendors ${kilobytes(all)}, verify.html ${kilobytes(page)}`,
);
if (amd > goal) {
  console.error(`The bundle for AMD is larger than ${kilobytes(goal)}.`);
  process.exitCode = 1;
}
