// SPDX-License-Identifier: Apache-2.0
import { sha256 } from '../../digest.ts';
import { intelProblem } from '../problems.ts';

/** How an enclave is built, as the processor measures it. */
export interface EnclaveLayout {
  /** Pages that each thread saves its state in. */
  readonly ssaFrameSize: number;
  /** Bytes of address range, a power of two. */
  readonly size: bigint;
  readonly pages: readonly EnclavePage[];
}

export interface EnclavePage {
  /** From the enclave’s base, in bytes. */
  readonly offset: bigint;
  /** SECINFO: bits 0 to 2 read, write, execute; bits 8 to 15 the kind of page, 1 thread control, 2 regular. */
  readonly flags: bigint;
  /** Bytes of its content that are measured: 0 to 4096, in steps of 256. What is not measured is whatever the host put there. */
  readonly measured: number;
}

const blockLength = 64;
const chunkLength = 256;
const pageLength = 4096n;
/** Largest log in bytes; a hundred MiB of code are more than any enclave measures page by page. */
export const maxLoadLogLength = 134_217_728;

/**
 * Reads the stream of blocks that SHA-256 makes MRENCLAVE of (Intel SDM volume 3D, ECREATE, EADD and EEXTEND), which .sgxs files are:
 * 64 bytes for each instruction, behind EEXTEND the 256 bytes that it measured. Every block must be one that a processor can have
 * measured, so that a log cannot be mistaken for something else of the same digest.
 * @throws EnarxError `sgx/load-log-malformed`
 */
export function readLoadLog(log: Uint8Array): EnclaveLayout {
  if (log.length > maxLoadLogLength) throw malformed(`${String(log.length)} bytes`);
  const view = new DataView(log.buffer, log.byteOffset, log.length);
  const pages: { offset: bigint; flags: bigint; measured: number }[] = [];
  let at = 0;
  /** Takes one block: its name is right and everything from `used` on is zero. */
  const block = (name: string, used: number): number => {
    const start = at;
    const bytes = log.subarray(start, start + blockLength);
    if (bytes.length < blockLength) throw malformed(`a block that is cut off at ${String(start)}`);
    if (nameOf(bytes) !== name || bytes.subarray(used).some((byte) => byte !== 0))
      throw malformed(`no ${name} block at ${String(start)}`);
    at += blockLength;
    return start;
  };
  const create = block('ECREATE', 20);
  const size = view.getBigUint64(create + 12, true);
  if (size === 0n || (size & (size - 1n)) !== 0n) throw malformed('a size that is no power of two');
  while (at < log.length) {
    const page = pages.at(-1);
    if (nameOf(log.subarray(at, at + 8)) === 'EADD') {
      const start = block('EADD', 24);
      const offset = view.getBigUint64(start + 8, true);
      if (offset % pageLength !== 0n || offset >= size) throw malformed(`a page at ${String(offset)}`);
      pages.push({ offset, flags: view.getBigUint64(start + 16, true), measured: 0 });
      continue;
    }
    const start = block('EEXTEND', 16);
    const offset = view.getBigUint64(start + 8, true);
    if (page === undefined || offset !== page.offset + BigInt(page.measured) || page.measured >= 4096)
      throw malformed(`a measurement of ${String(offset)} out of turn`);
    page.measured += chunkLength;
    at += chunkLength;
    if (at > log.length) throw malformed('content that is cut off');
  }
  return { ssaFrameSize: view.getUint32(create + 8, true), size, pages };
}

/**
 * MRENCLAVE of an enclave that is loaded as the log says.
 * @returns 32 bytes
 * @throws EnarxError `sgx/load-log-malformed`
 */
export async function mrEnclaveOf(log: Uint8Array): Promise<Uint8Array> {
  readLoadLog(log);
  return sha256(log);
}

/** Eight bytes, filled up with zeros. */
function nameOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 8)).replace(/\0+$/, '');
}

function malformed(found: string): Error {
  return intelProblem('sgx/load-log-malformed', { found });
}
