// SPDX-License-Identifier: Apache-2.0
import { reader } from '../../packages/runtime/src/runner/module-reader.ts';
import { unsigned } from '../../test/support/wasm-module.ts';

const functionSection = 3;
const codeSection = 10;

/** The same program with all its functions so many times, of which only the first are called: a large module that hides what it computes with. */
export function hiddenAmong(copies: number, module: Uint8Array): Uint8Array {
  const read = reader(module, 8);
  const parts: Uint8Array[] = [module.subarray(0, 8)];
  while (read.at < module.length) {
    const at = read.at;
    const id = read.byte();
    const end = read.leb() + read.at;
    if (id === functionSection || id === codeSection) {
      const count = Uint8Array.from(unsigned(read.leb() * copies));
      const functions = module.subarray(read.at, end);
      const content = Buffer.concat([count, ...Array.from({ length: copies }, () => functions)]);
      parts.push(Uint8Array.from([id, ...unsigned(content.length)]), content);
    } else parts.push(module.subarray(at, end));
    read.at = end;
  }
  return Buffer.concat(parts);
}
