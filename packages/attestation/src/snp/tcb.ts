// SPDX-License-Identifier: Apache-2.0

/**
 * Security version numbers of a platform, one per component (SEV-SNP ABI, TCB_VERSION). Each counts for itself: to
 * compare the eight bytes as one number would let a new microcode hide an old boot loader.
 */
export interface TcbVersion {
  /** Firmware of the management controller; Turin and later only. */
  readonly fmc: number | undefined;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

export const tcbComponents = ['fmc', 'bootloader', 'tee', 'snp', 'microcode'] as const;

/** `family-19h`: Milan and Genoa; `family-1ah`: Turin. */
export type TcbLayout = 'family-19h' | 'family-1ah';

/** @param raw - 8 bytes */
export function readTcb(raw: Uint8Array, layout: TcbLayout): TcbVersion {
  const byte = (at: number): number => raw[at] as number;
  return layout === 'family-1ah'
    ? { fmc: byte(0), bootloader: byte(1), tee: byte(2), snp: byte(3), microcode: byte(7) }
    : { fmc: undefined, bootloader: byte(0), tee: byte(1), snp: byte(6), microcode: byte(7) };
}

/** Bytes that a layout leaves unused. They must be zero, or part of the version would go uncompared. */
export function unusedTcbBytes(raw: Uint8Array, layout: TcbLayout): Uint8Array {
  return layout === 'family-1ah' ? raw.subarray(4, 7) : raw.subarray(2, 6);
}

/** Components of `a` that are below those of `b`. */
export function componentsBelow(a: TcbVersion, b: TcbVersion): (typeof tcbComponents)[number][] {
  return tcbComponents.filter((component) => (a[component] ?? 0) < (b[component] ?? 0));
}

export function formatTcb(tcb: TcbVersion): string {
  return tcbComponents
    .filter((component) => tcb[component] !== undefined)
    .map((component) => `${component} ${String(tcb[component])}`)
    .join(', ');
}
