// SPDX-License-Identifier: Apache-2.0
import { nitroSection } from './nitro/index.ts';
import { sevSection } from './sev/index.ts';
import { snpSection } from './snp/index.ts';

/** Every kind of TEE that a policy can speak of, with its table. */
export const sections = { snp: snpSection, sev: sevSection, nitro: nitroSection } as const;

export type PolicyTee = keyof typeof sections;

export const policyTees = Object.keys(sections) as readonly PolicyTee[];
