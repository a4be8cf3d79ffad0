// SPDX-License-Identifier: Apache-2.0
import { imageProblem } from './problems.ts';

/**
 * A program without what only debuggers and linkers read: symbols and section headers, which stand behind the last segment that is loaded (ELF-64, System V ABI
 * chapters 4 and 5). Node's own binary loses a fifth. Done here rather than by `strip`, whose output differs between versions.
 *
 * @throws EnarxError `image/not-elf`
 */
export function stripped(program: Uint8Array): Uint8Array {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const is64BitLittleEndian =
    program.length >= 64 && view.getUint32(0) === 0x7f454c46 && view.getUint16(4) === 0x0201;
  if (!is64BitLittleEndian) throw imageProblem('image/not-elf', { found: `${String(program.length)} bytes` });
  const headers = Number(view.getBigUint64(0x20, true));
  const size = view.getUint16(0x36, true);
  const count = view.getUint16(0x38, true);
  if (size < 56 || headers + size * count > program.length)
    throw imageProblem('image/not-elf', { found: 'program headers outside of the file' });
  let end = headers + size * count;
  for (let i = 0; i < count; i += 1) {
    const at = headers + i * size;
    const segmentEnd =
      Number(view.getBigUint64(at + 0x08, true)) + Number(view.getBigUint64(at + 0x20, true));
    end = Math.max(end, segmentEnd);
  }
  if (end > program.length) throw imageProblem('image/not-elf', { found: 'a segment outside of the file' });
  const result = program.slice(0, end);
  const header = new DataView(result.buffer);
  header.setBigUint64(0x28, 0n, true);
  header.setUint16(0x3a, 0, true);
  header.setUint16(0x3c, 0, true);
  header.setUint16(0x3e, 0, true);
  return result;
}
