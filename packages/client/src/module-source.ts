// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

import { EnarxError, recordFramePayload, toHex } from '@enarx/protocol';

import { clientProblem } from './problems.ts';

/** A program to deliver: its size and digest are said first, its bytes follow. */
export interface ModuleSource {
  /** Bytes, 1 to 1 GiB. */
  readonly size: number;
  /** SHA-256. */
  readonly digest: Uint8Array;
  /** The bytes, from the first on. */
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const largestModule = 1_073_741_824;
/** `\0asm` (WebAssembly core specification, 5.5.16). */
const magic = [0x00, 0x61, 0x73, 0x6d];
const readSize = 16 * recordFramePayload;

/** @throws EnarxError `client/module-size` */
export function moduleFromBytes(bytes: Uint8Array): ModuleSource {
  checkSize(bytes.length, 'the given bytes');
  return {
    size: bytes.length,
    digest: createHash('sha256').update(bytes).digest(),
    open: () => [bytes],
  };
}

/**
 * A program in a file. It is read twice, once for the digest and once to be sent, and never held whole.
 * @throws EnarxError `client/module-unreadable`, `client/module-size`, `client/module-malformed`; while it is sent `client/module-changed`
 */
export async function moduleFromFile(path: string): Promise<ModuleSource> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of readFile(path)) {
    if (size === 0) checkMagic(chunk, path);
    size += chunk.length;
    checkSize(size, path);
    hash.update(chunk);
  }
  checkSize(size, path);
  return { size, digest: hash.digest(), open: () => readFile(path) };
}

async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    if (!(await file.stat()).isFile()) throw new Error('not a file');
    for (;;) {
      // A buffer each: the one before may still be on its way into the connection.
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(readSize), 0, readSize);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (cause) {
    if (cause instanceof EnarxError) throw cause;
    throw clientProblem('client/module-unreadable', { found: `${path}: ${(cause as Error).message}`, cause });
  } finally {
    await file?.close();
  }
}

/** Four bytes, with which modules and components alike begin. No Keep has to be made to find out that they are not there. */
function checkMagic(start: Uint8Array, where: string): void {
  if (magic.every((byte, index) => start[index] === byte)) return;
  throw clientProblem('client/module-malformed', {
    found: `${where}, which begins with ${toHex(start.subarray(0, magic.length))}`,
    expected: '0061736d',
  });
}

function checkSize(size: number, where: string): void {
  if (size === 0 || size > largestModule)
    throw clientProblem('client/module-size', {
      found: size === 0 ? `${where}: 0 bytes` : `${where}: more than ${String(largestModule)} bytes`,
    });
}
