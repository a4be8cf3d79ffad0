// SPDX-License-Identifier: Apache-2.0
import type { Tee } from '@enarx/protocol';
import { nearestWord } from '@enarx/protocol/nearest-word';

import { cliProblem } from '../problems.ts';

/** The protocol's list once more: taking it from there would load every message's schema for `--help`. */
const kinds: Readonly<Record<Tee, true>> = {
  sim: true,
  'sim-sev': true,
  snp: true,
  sev: true,
  'sev-es': true,
  sgx: true,
  tdx: true,
  vm: true,
};
const tees = Object.keys(kinds) as Tee[];

/** @throws EnarxError `cli/usage` */
export function parseTee(text: string): Tee {
  const tee = tees.find((known) => known === text);
  if (tee !== undefined) return tee;
  const meant = nearestWord(text, tees);
  throw cliProblem('cli/usage', {
    found: `--tee ${text}`,
    expected: `${tees.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  });
}

/** Whether a software processor vouches for such Keeps by their very kind. */
export function isSimulated(tee: Tee): boolean {
  return tee === 'sim' || tee === 'sim-sev' || tee === 'vm';
}
