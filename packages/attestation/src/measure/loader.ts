// SPDX-License-Identifier: Apache-2.0
import { encodeCbor } from '@enarx/protocol';

import { sha256 } from '../digest.ts';
import { emptySnpDigest, extendSnpDigest, normalPages, pageSize } from './snp-pages.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What runs inside a simulated TEE. */
export interface LoaderParts {
  /** The bundled programs, as they lie in the release. */
  readonly wasmldr: Uint8Array;
  readonly runner: Uint8Array;
  /** Arguments of the Node that runs wasmldr. */
  readonly arguments: readonly string[];
}

/** Guest memory before a simulated launch: whole 4096-byte pages from one guest-physical address on. */
export interface LoaderImage {
  readonly gpa: bigint;
  readonly pages: Uint8Array;
}

/** Where the image begins: the first megabyte is left free, as on a PC. */
const loaderStart = 0x10_0000n;

/**
 * Lays the loader out in pages (docs/decisions/010). First the deterministic CBOR of
 * `["enarx/loader/1", arguments, length of wasmldr, length of runner]`, then wasmldr, then the runner, each from a page
 * boundary on and filled up with zeros. The lengths are in the first part, so that two loaders that differ only in
 * trailing zeros, or in where one file ends, have different images.
 */
export function loaderImage(parts: LoaderParts): LoaderImage {
  const { wasmldr, runner } = parts;
  const head = encodeCbor(['enarx/loader/1', [...parts.arguments], wasmldr.length, runner.length]);
  const regions = [head, wasmldr, runner];
  const pages: Bytes = new Uint8Array(regions.reduce((sum, { length }) => sum + wholePages(length), 0));
  let at = 0;
  for (const region of regions) {
    pages.set(region, at);
    at += wholePages(region.length);
  }
  return { gpa: loaderStart, pages };
}

/** Launch measurement of the image, 48 bytes: AMD's SNP launch digest over its pages, all of them normal ones. */
export async function loaderMeasurement(image: LoaderImage): Promise<Bytes> {
  return extendSnpDigest(emptySnpDigest(), normalPages(image.gpa, image.pages));
}

/** The same as a SEV guest would be measured, 32 bytes: SHA-256 over the pages. */
export async function loaderSevMeasurement({ pages }: LoaderImage): Promise<Bytes> {
  return sha256(pages);
}

function wholePages(length: number): number {
  return Math.ceil(length / pageSize) * pageSize;
}
