// SPDX-License-Identifier: Apache-2.0
import type { CheckTable } from '../checks.ts';

/** Checks of an SNP report and its endorsement key certificate, in the order in which a verification lists them. */
export const snpFormChecks = {
  'snp/version': 'The report has a version whose layout is known: 2 to 5.',
  'snp/signature-algorithm': 'The report names ECDSA P-384 with SHA-384 as its signature algorithm.',
  'snp/reserved': 'Every reserved field of the report’s version is zero.',
  'snp/signature-form':
    'The parts of the signature field that the signature does not cover are zero: the high bytes of R and S and what follows them.',
  'snp/guest-policy': 'Bit 17 of the guest policy, which the firmware demands, is one.',
  'snp/requested-by-guest': 'The report was asked for by the guest, at VMPL 0 to 3, and not by the host.',
  'snp/key-not-masked': 'The report is signed: its key is a VCEK or VLEK that the host has not masked.',
  'snp/tcb-form': 'The bytes of the four TCB versions that the product does not use are zero.',
  'snp/tcb-order': 'Reported ≤ committed ≤ current and launch ≤ current, in each component of the TCB.',
} as const satisfies CheckTable;

export const snpEndorsementChecks = {
  'snp/endorsements-readable': 'All endorsements are certificates or revocation lists, in strict encodings.',
  'snp/endorsements-complete': 'The endorsement key certificate, its intermediate and the root are there.',
} as const satisfies CheckTable;

export const snpBindingChecks = {
  'snp/key-certificate':
    'AMD’s extensions of the endorsement key certificate are complete and well-formed, its key is P-384.',
  'snp/signing-key':
    'The kind of key that the report names is the kind of the certificate, a VCEK under an ASK or a VLEK under an ASVK.',
  'snp/product': 'CPUID in the report, product name, issuer and root name the same product.',
  'snp/tcb-certified': 'The certificate is for exactly the reported TCB.',
  'snp/chip-certified': 'The certificate’s hardware id is the chip id of the report.',
  'snp/signature': 'The report is signed by the certified key.',
} as const satisfies CheckTable;
