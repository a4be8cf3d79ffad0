// SPDX-License-Identifier: Apache-2.0
import type { Section } from '../section.ts';
import type { SnpClaims } from '../../snp/claims.ts';
import { chipFields } from './chip.ts';
import { firmwareFields } from './firmware.ts';
import { guestPolicyFields } from './guest-policy.ts';
import { guestFields } from './guest.ts';
import { platformFields } from './platform.ts';

/** `[snp]`: what is asked of AMD SEV-SNP. */
export const snpSection: Section<SnpClaims> = {
  tee: 'snp',
  vendor: 'amd',
  title: 'AMD SEV-SNP',
  fields: [...guestFields, ...chipFields, ...guestPolicyFields, ...platformFields, ...firmwareFields],
  reportData: ({ report }) => report.reportData,
  contradiction: (values) =>
    values.get('firmware.launch-tcb') === 'minimum-tcb' && values.get('firmware.minimum-tcb') === 'any'
      ? {
          path: ['firmware', 'launch-tcb'],
          message: '"minimum-tcb" needs rows in minimum-tcb; write "any" here too, or give rows',
        }
      : undefined,
};
