// SPDX-License-Identifier: Apache-2.0
import { sgxSection } from './intel/sgx.ts';
import { tdxSection } from './intel/tdx.ts';
import { nitroSection } from './nitro/index.ts';
import { sevSection } from './sev/index.ts';
import { snpSection } from './snp/index.ts';

/** Every kind of TEE that a policy can speak of, with its table. */
export const sections = {
  snp: snpSection,
  sev: sevSection,
  sgx: sgxSection,
  tdx: tdxSection,
  nitro: nitroSection,
} as const;

export type PolicyTee = keyof typeof sections;

export const policyTees = Object.keys(sections) as readonly PolicyTee[];
