// SPDX-License-Identifier: Apache-2.0

/**
 * Whether a machine with this /proc/cpuinfo may have a TEE. Linux hides AMD's flags (`sev`, `sev_es`, `sev_snp`) from guests, so there the maker has to do; Hygon has SEV as
 * well. A TDX guest has its flag. A host that lies here takes its Keep's evidence away, and gets no client for it.
 */
export function mayEncryptMemory(processors: string): boolean {
  return /^vendor_id\s*:\s*(?:AuthenticAMD|HygonGenuine)$|^flags\s*:.*\btdx_guest\b/m.test(processors);
}
