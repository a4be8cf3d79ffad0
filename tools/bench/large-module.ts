// SPDX-License-Identifier: Apache-2.0
import { op, wasmModule } from '../../test/support/wasm-module.ts';

/**
 * A module of about this many bytes, all of them functions that could be called, of which only the first is: as large programs have it. It returns at once.
 */
export function largeModule(size: number): Uint8Array {
  const step = [...op.i32Const(64), ...op.i32Load(0), ...op.i32Const(7), ...op.i32Add];
  const line = [...op.i32Const(64), ...step, ...op.i32Store(0)];
  const body = Array.from({ length: 24 }, () => line).flat();
  const count = Math.ceil(size / (body.length + 10));
  return wasmModule({
    functions: Array.from({ length: count }, (_, index) => ({
      name: 'f',
      exported: index === 0,
      body: index === 0 ? [] : body,
    })).map((function_, index) => (index === 0 ? { ...function_, name: '_start' } : function_)),
  });
}
