// SPDX-License-Identifier: Apache-2.0
import type { Check } from '@enarx/attestation';

import type { Output } from './output.ts';

const marks: Readonly<Record<Check['status'], string>> = { pass: '✓', fail: '✗', 'not-applicable': '–' };
const colours = { pass: 'green', fail: 'red', 'not-applicable': 'dim' } as const;

/** How a check came out, as one sign: the same in every command. */
export function checkMark(output: Output, status: Check['status'], on: 'stdout' | 'stderr'): string {
  return output.styled(colours[status], marks[status], on);
}
