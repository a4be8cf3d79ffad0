// SPDX-License-Identifier: Apache-2.0
import type { AmdProduct } from '../snp/product.ts';

/**
 * Lowest security versions that a fresh policy should ask for.
 *
 * Milan and Genoa (model 10h-1Fh): what AMD-SB-3019 (EntrySign, CVE-2024-56161) asks for the SNP firmware, with the
 * microcode that current fleets report at that level. Genoa line, models A0h-AFh (Bergamo, Siena), and Turin: the
 * lowest that current fleets report; no bulletin was at hand. Microcode is numbered per model, so a row per product
 * would refuse a Siena for a microcode that it can never have.
 */
export const recommendedMinimumTcb: {
  /** When the table was last held against its sources. */
  readonly date: string;
  readonly source: string;
  readonly rows: readonly MinimumTcbRow[];
} = {
  date: '2026-11-23',
  source: 'AMD-SB-3019 and reports of current fleets',
  rows: [
    { product: 'Milan', family: 0x19, models: [0x00, 0x0f], bootloader: 4, tee: 0, snp: 24, microcode: 219 },
    { product: 'Genoa', family: 0x19, models: [0x10, 0x1f], bootloader: 10, tee: 0, snp: 23, microcode: 84 },
    { product: 'Genoa', family: 0x19, models: [0xa0, 0xaf], bootloader: 10, tee: 0, snp: 23, microcode: 25 },
    {
      product: 'Turin',
      family: 0x1a,
      models: [0x00, 0x11],
      fmc: 0,
      bootloader: 1,
      tee: 0,
      snp: 2,
      microcode: 71,
    },
  ],
};

/** Lowest security versions for one range of processor models. */
export interface MinimumTcbRow {
  readonly product: AmdProduct;
  /** Family and first and last model, combined with their extensions as CPUID Fn00000001 EAX has them. */
  readonly family: number;
  readonly models: readonly [number, number];
  /** Turin only, and there required. */
  readonly fmc?: number | undefined;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}
