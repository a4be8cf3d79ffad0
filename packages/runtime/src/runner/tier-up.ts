// SPDX-License-Identifier: Apache-2.0
import { setFlagsFromString } from 'node:v8';

type TierUp = (function_: unknown) => void;
let tierUp: TierUp | undefined;

/** Compiles functions of the program at the top tier, now. V8 has no other way to ask for that than the one which its own tests use. */
export function compileWell(functions: readonly unknown[]): void {
  tierUp ??= make();
  for (const function_ of functions) tierUp(function_);
}

function make(): TierUp {
  setFlagsFromString('--allow-natives-syntax');
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- a constant of ours, in a syntax that no parser but V8's knows
  const made = new Function('f', '%WasmTierUpFunction(f)') as TierUp;
  setFlagsFromString('--no-allow-natives-syntax');
  return made;
}
