// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import type { SevClaims } from '../../sev/claims.ts';
import { fieldsOf, passWhen, passWhenListed } from '../field.ts';
import type { Section } from '../section.ts';
import { digests, minimumVersion, olderThan } from '../value-kinds.ts';

const sevField = fieldsOf<SevClaims>('sev');

const chip = ({ chip: digest }: SevClaims): string => toHex(digest);
const owner = ({ owner: digest }: SevClaims): string => toHex(digest);

/**
 * `[sev]`: what is asked of a platform with legacy SEV or SEV-ES. Its certificates say nothing of a guest; what the guest
 * is follows from the launch measurement, which the owner of the guest computes for the session.
 */
export const sevSection: Section<SevClaims> = {
  tee: 'sev',
  vendor: 'amd',
  title: 'AMD SEV and SEV-ES',
  reportData: () => undefined,
  contradiction: () => undefined,
  fields: [
    sevField({
      path: ['api-minimum'],
      subject: 'version of the SEV API',
      purpose:
        'Lowest version of the firmware interface. It stands in the certificate of the platform and says with which firmware that was made; the launch measurement says with which one the guest was launched.',
      mend: 'Update the SEV firmware of the host and have it make its key anew (PDH_GEN).',
      kind: minimumVersion,
      actual: ({ api }) => `${String(api.major)}.${String(api.minor)}`,
      judge: ({ parts }, { api }) => passWhen(!olderThan([api.major, api.minor], parts)),
      suggest: ({ api }) => ({
        value: { parts: [api.major, api.minor] },
        warning: 'legacy SEV does not keep the host from changing the memory of a guest; prefer SEV-SNP',
      }),
    }),
    sevField({
      path: ['chips-accepted'],
      subject: 'chip (SHA-256 of its CEK)',
      purpose:
        'Chips that are accepted. The chip keys of Naples could be taken out by software (2019), and those of Naples to Milan with a soldering iron (2021); a list of machines that you know helps against both.',
      mend: 'If you know and own the machine, add its chip.',
      kind: digests(32),
      actual: chip,
      judge: (list, claims) => passWhenListed(list, chip(claims)),
      suggest: (claims) => ({ value: [chip(claims)] }),
    }),
    sevField({
      path: ['chips-refused'],
      subject: 'refused chips (SHA-256 of their CEK)',
      purpose: 'Chips that are refused, because their keys are known to have leaked, say.',
      mend: 'Use another machine.',
      open: 'none',
      kind: { ...digests(32), says: (list) => `not one of the ${String(list.length)} listed` },
      actual: chip,
      judge: (list, claims) => {
        const index = list.indexOf(chip(claims));
        return index < 0 ? { status: 'pass' } : { status: 'fail', at: [index] };
      },
      suggest: () => ({ value: 'none' }),
    }),
    sevField({
      path: ['owners'],
      subject: 'owner of the platform (SHA-256 of the OCA key)',
      purpose:
        'Who owns the platform may move guests between its machines where their policy allows it (NOSEND, DOMAIN). A platform that nobody claimed has made its owner key itself.',
      mend: 'Use a platform whose owner you list.',
      kind: digests(32),
      actual: owner,
      judge: (list, claims) => passWhenListed(list, owner(claims)),
      suggest: () => ({ value: 'any' }),
    }),
  ],
};
