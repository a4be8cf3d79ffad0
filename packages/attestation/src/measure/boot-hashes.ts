// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import { sha256 } from '../digest.ts';
import { attestationProblem } from '../problems.ts';
import { encodeGuid } from './guid.ts';
import { pageSize } from './snp-pages.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What is booted directly, without a boot loader. */
export interface DirectBoot {
  readonly kernel: Uint8Array;
  /** None is the same as an empty one. */
  readonly initrd?: Uint8Array;
  /** As given to QEMU's `-append`, blanks included. None is the same as an empty one. */
  readonly commandLine?: string;
}

/** SHA-256 of each part, 32 bytes. */
export interface BootHashes {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly commandLine: Uint8Array;
}

/** The command line is hashed with the NUL that ends it in memory. */
export async function bootHashes({ kernel, initrd, commandLine }: DirectBoot): Promise<BootHashes> {
  const [kernelHash, initrdHash, commandLineHash] = await Promise.all([
    sha256(kernel),
    sha256(initrd ?? new Uint8Array()),
    commandLineDigest(commandLine ?? ''),
  ]);
  return { kernel: kernelHash, initrd: initrdHash, commandLine: commandLineHash };
}

/** SHA-256 of a kernel command line as the firmware checks it. */
export function commandLineDigest(commandLine: string): Promise<Bytes> {
  return sha256(new TextEncoder().encode(`${commandLine}\0`));
}

/** Length of {@link hashTable}. */
export const hashTableLength = 176;

/**
 * The table in which the VMM hands the hashes to the firmware: a head and three entries of GUID, length and hash, in this
 * order, filled up to a multiple of 16 bytes (QEMU target/i386/sev.c, `PaddedSevHashTable`).
 * @throws EnarxError `measure/option-invalid`
 */
export function hashTable({ kernel, initrd, commandLine }: BootHashes): Bytes {
  for (const hash of [kernel, initrd, commandLine]) {
    if (hash.length !== 32)
      throw attestationProblem('measure/option-invalid', {
        found: `a boot hash of ${String(hash.length)} bytes`,
        expected: '32 bytes of SHA-256',
      });
  }
  const entries = concatBytes(
    entry('97d02dd8-bd20-4c94-aa78-e7714d36ab2a', commandLine),
    entry('44baf731-3a2f-4bd7-9af1-41e29169781d', initrd),
    entry('4de79437-abd2-427f-b835-d5b172d2045b', kernel),
  );
  const table = new Uint8Array(hashTableLength);
  table.set(entry('9438d606-4f22-4cc9-b479-a793d411fd21', entries));
  return table;
}

/** A page that is zero but for the table. @param gpa - where the table goes in guest memory */
export function hashTablePage(hashes: BootHashes, gpa: number): Bytes {
  const page = new Uint8Array(pageSize);
  page.set(hashTable(hashes), gpa % pageSize);
  return page;
}

/** The length counts GUID, length and data. */
function entry(guid: string, data: Uint8Array): Bytes {
  const length = 16 + 2 + data.length;
  return concatBytes(encodeGuid(guid) as Bytes, Uint8Array.of(length & 0xff, length >> 8), data);
}
