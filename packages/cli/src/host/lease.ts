// SPDX-License-Identifier: Apache-2.0
import { parseDuration } from '../config/quantity.ts';
import { cliProblem } from '../problems.ts';

const shortest = 1000;
const longest = 31_536_000_000;

/** Milliseconds of `30m`, `1h`. @throws EnarxError `cli/usage` */
export function parseLease(text: string): number {
  const time = parseDuration(text);
  if (time === undefined || time < shortest || time > longest)
    throw cliProblem('cli/usage', {
      found: `--lease ${text}`,
      expected: 'a time from 1s to 8760h, like 30m',
    });
  return time;
}
