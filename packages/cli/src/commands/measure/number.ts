// SPDX-License-Identifier: Apache-2.0
import { cliProblem } from '../../problems.ts';

/** A whole number, decimal or hexadecimal, below `end`. */
export function numberOf(flag: string, text: string, end: bigint): bigint {
  if (!/^(?:\d{1,20}|0x[0-9a-fA-F]{1,16})$/.test(text) || BigInt(text) >= end)
    throw cliProblem('cli/usage', {
      found: `${flag} ${text}`,
      expected: `a number below ${String(end)}, such as 4 or 0x1`,
    });
  return BigInt(text);
}
