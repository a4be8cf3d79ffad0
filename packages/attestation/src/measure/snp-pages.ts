// SPDX-License-Identifier: Apache-2.0
import { sha384 } from '../digest.ts';
import { attestationProblem } from '../problems.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export const pageSize = 4096;
const digestLength = 48;

/** PAGE_TYPE of SNP_LAUNCH_UPDATE (SEV-SNP firmware ABI, table of SNP_LAUNCH_UPDATE). */
export const pageTypes = { normal: 1, vmsa: 2, zero: 3, unmeasured: 4, secrets: 5, cpuid: 6 } as const;
export type PageType = keyof typeof pageTypes;

/** One page as SNP_LAUNCH_UPDATE takes it. Only normal and VMSA pages are measured with their contents. */
export type SnpPage =
  | { readonly type: 'normal' | 'vmsa'; readonly gpa: bigint; readonly contents: Uint8Array }
  | { readonly type: 'zero' | 'unmeasured' | 'secrets' | 'cpuid'; readonly gpa: bigint };

/** The launch digest before the first page. */
export function emptySnpDigest(): Bytes {
  return new Uint8Array(digestLength);
}

/**
 * The launch digest after these pages: for each page the SHA-384 over its PAGE_INFO, which begins with the digest so far
 * (SEV-SNP firmware ABI, section "Launch digest"). The contents are hashed side by side, since only the chain of
 * PAGE_INFOs is sequential.
 *
 * @param digest - 48 bytes
 */
export async function extendSnpDigest(digest: Uint8Array, pages: readonly SnpPage[]): Promise<Bytes> {
  const noContents = Promise.resolve(new Uint8Array(digestLength));
  const contents = await Promise.all(
    pages.map((page) => ('contents' in page ? sha384(page.contents) : noContents)),
  );
  let current = Uint8Array.from(digest);
  for (const [i, page] of pages.entries()) {
    current = await sha384(pageInfo(current, page, contents[i] as Bytes));
  }
  return current;
}

/**
 * Cuts bytes into pages.
 * @throws EnarxError `measure/option-invalid` where the length is no multiple of 4096, so that no byte is left out
 */
export function normalPages(start: bigint, bytes: Uint8Array): SnpPage[] {
  return Array.from({ length: pagesIn(bytes.length) }, (_, i) => ({
    type: 'normal',
    gpa: start + BigInt(i * pageSize),
    contents: bytes.subarray(i * pageSize, (i + 1) * pageSize),
  }));
}

/**
 * Pages that are measured by type and address alone.
 * @param size - bytes, a multiple of 4096
 * @throws EnarxError `measure/option-invalid`
 */
export function contentlessPages(
  type: 'zero' | 'unmeasured' | 'secrets' | 'cpuid',
  start: bigint,
  size: number,
): SnpPage[] {
  return Array.from({ length: pagesIn(size) }, (_, i) => ({ type, gpa: start + BigInt(i * pageSize) }));
}

function pagesIn(size: number): number {
  if (!Number.isInteger(size / pageSize))
    throw attestationProblem('measure/option-invalid', {
      found: `${String(size)} bytes`,
      expected: 'whole pages',
    });
  return size / pageSize;
}

const pageInfoLength = 0x70;

function pageInfo(digest: Bytes, page: SnpPage, contents: Bytes): Bytes {
  const info = new Uint8Array(pageInfoLength);
  info.set(digest);
  info.set(contents, digestLength);
  const view = new DataView(info.buffer);
  view.setUint16(0x60, pageInfoLength, true);
  view.setUint8(0x62, pageTypes[page.type]);
  // 0x63 to 0x67: not an initial migration image, no permissions for VMPL 1 to 3, reserved.
  view.setBigUint64(0x68, page.gpa, true);
  return info;
}
