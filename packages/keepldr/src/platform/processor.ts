// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/** Flags of the first processor as the kernel lists them, and its vendor. Empty where /proc/cpuinfo says nothing. */
export interface ProcessorFlags {
  readonly vendor: string;
  readonly flags: ReadonlySet<string>;
}

/** @param text - content of /proc/cpuinfo */
export function parseProcessorFlags(text: string): ProcessorFlags {
  const field = (name: string): string => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
  return {
    vendor: field('vendor_id'),
    flags: new Set(
      field('flags')
        .split(' ')
        .filter((flag) => flag !== ''),
    ),
  };
}

export function readProcessorFlags(): ProcessorFlags {
  return parseProcessorFlags(readText('/proc/cpuinfo') ?? '');
}

/** Content of a small file of the kernel's, trimmed, or `undefined`. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
