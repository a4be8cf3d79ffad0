// SPDX-License-Identifier: Apache-2.0
import { joinBytes } from '@enarx/protocol';

import { sha384 } from '../digest.ts';
import { attestationProblem } from '../problems.ts';
import { readFirmware } from './firmware.ts';
import { pageSize } from './snp-pages.ts';
import { readTdxMetadata, type TdxSection } from './tdx-metadata.ts';

/** TDH.MR.EXTEND takes so many bytes at a time. */
const chunkSize = 256;
/** What each of both calls extends the measurement with, besides contents. */
const recordSize = 128;

/**
 * MRTD of a TDX guest, 48 bytes: SHA-384 over a record for each page that is added, and, for the measured ones, a record and the contents of each 256 bytes
 * (Intel TDX Module ABI, TDH.MEM.PAGE.ADD and TDH.MR.EXTEND). It is a digest of the firmware and of nothing else: what the firmware starts is in the RTMRs, which
 * the guest extends itself. Each page is extended before the next is added, as Linux 6.16 and QEMU 9 and later do it.
 *
 * @param firmware - the whole image, with TDX metadata
 * @throws EnarxError `measure/firmware-lacks`, `measure/firmware-malformed`, `measure/section-unknown`
 */
export async function tdxLaunchDigest(firmware: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const { tdxMetadata } = readFirmware(firmware);
  if (tdxMetadata === undefined)
    throw attestationProblem('measure/firmware-lacks', { found: 'firmware without TDX metadata' });
  const input = readTdxMetadata(firmware, tdxMetadata).flatMap((section) =>
    section.later ? [] : recordsOf(section, firmware),
  );
  return sha384(joinBytes(input));
}

function recordsOf({ gpa, size, offset, measured }: TdxSection, firmware: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let page = 0; page < size; page += pageSize) {
    records.push(record('MEM.PAGE.ADD', gpa + BigInt(page)));
    if (!measured) continue;
    for (let at = page; at < page + pageSize; at += chunkSize)
      records.push(
        record('MR.EXTEND', gpa + BigInt(at)),
        firmware.subarray(offset + at, offset + at + chunkSize),
      );
  }
  return records;
}

function record(name: string, gpa: bigint): Uint8Array {
  const bytes = new Uint8Array(recordSize);
  bytes.set(new TextEncoder().encode(name));
  new DataView(bytes.buffer).setBigUint64(16, gpa, true);
  return bytes;
}
