// SPDX-License-Identifier: Apache-2.0
import { azureChecks } from './azure/check.ts';
import { csrChecks } from './evidence-csr.ts';
import { quoteBindingChecks, quoteEndorsementChecks, quoteFormChecks } from './intel/check-table.ts';
import { nitroBindingChecks, nitroFormChecks } from './nitro/check-table.ts';
import { snpBindingChecks, snpEndorsementChecks, snpFormChecks } from './snp/check-table.ts';
import { sevChecks } from './sev/verify.ts';
import { x509Checks } from './x509/chain.ts';

/** Every check of the verifier, in the order of a verification; docs/checks.md is generated from it. */
export const verifyChecks = {
  ...snpFormChecks,
  ...snpEndorsementChecks,
  ...x509Checks,
  ...snpBindingChecks,
  ...azureChecks,
  ...csrChecks,
  ...sevChecks,
  ...quoteFormChecks,
  ...quoteEndorsementChecks,
  ...quoteBindingChecks,
  ...nitroFormChecks,
  ...nitroBindingChecks,
} as const;
