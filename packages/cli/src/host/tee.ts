// SPDX-License-Identifier: Apache-2.0
import type { Tee } from '@enarx/protocol';

import { closest } from '../config/closest.ts';
import { cliProblem } from '../problems.ts';

/** The protocol's list once more: taking it from there would load every message's schema for `--help`. */
const tees = ['sim', 'snp', 'sev', 'sgx', 'tdx', 'vm'] as const satisfies readonly Tee[];

/** @throws EnarxError `cli/usage` */
export function parseTee(text: string): Tee {
  const tee = tees.find((known) => known === text);
  if (tee !== undefined) return tee;
  const meant = closest(text, tees);
  throw cliProblem('cli/usage', {
    found: `--tee ${text}`,
    expected: `${tees.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  });
}
