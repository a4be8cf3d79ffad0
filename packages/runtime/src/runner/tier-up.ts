// SPDX-License-Identifier: Apache-2.0
import { setEngineFlags } from './engine-flags.ts';

type TierUp = (function_: unknown) => void;
let tierUp: TierUp | undefined;

const hints = 'experimental-wasm-compilation-hints';

/** To be called before a module is compiled that has hints for {@link compileWell}. */
export function readHints(): void {
  setEngineFlags([`--${hints}`]);
}

/** Compiles functions of the program at the top tier, now. V8 has no other way to ask for that than the one which its own tests use. */
export function compileWell(functions: readonly unknown[]): void {
  tierUp ??= make();
  // Where a hint is wrong, V8 would go back to the baseline tier for as long as the function runs, rather than make the call that it had not been told of.
  setEngineFlags(['--no-wasm-deopt']);
  for (const function_ of functions) tierUp(function_);
  setEngineFlags(['--wasm-deopt']);
  setEngineFlags([`--no-${hints}`]);
}

function make(): TierUp {
  setEngineFlags(['--allow-natives-syntax']);
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- a constant of ours, in a syntax that no parser but V8's knows
  const made = new Function('f', '%WasmTierUpFunction(f)') as TierUp;
  setEngineFlags(['--no-allow-natives-syntax']);
  return made;
}
