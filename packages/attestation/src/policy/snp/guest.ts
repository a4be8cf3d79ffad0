// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import type { SnpClaims } from '../../snp/claims.ts';
import { hostRequestedVmpl } from '../../snp/report.ts';
import { passWhen, passWhenListed } from '../field.ts';
import { digests, minimum, numbers } from '../value-kinds.ts';
import { listedBytes, snpField, type SnpField } from './field.ts';

/** What runs: the launched guest and who signed it. */
export const guestFields: readonly SnpField[] = [
  listedBytes('measurements', 48, ({ report }) => report.measurement, {
    subject: 'launch digest (MEASUREMENT)',
    purpose:
      'What was loaded into the guest before it ran: firmware, and through it kernel, initrd and command line. `enarx measure snp` computes it. List the old and the new digest while you roll out an update.',
    mend: 'If the guest is one that you built, add its digest; if not, do not trust it.',
  }),
  snpField({
    path: ['vmpl'],
    subject: 'privilege level (VMPL) that asked for the report',
    purpose:
      'Level 0 is the most privileged. Where a paravisor owns level 0, a report from a lower level speaks for less than the whole guest.',
    mend: 'Ask for the report from the level that the policy names.',
    kind: numbers(0, 3, 'a list of levels from 0 to 3'),
    actual: ({ report }) =>
      report.vmpl === hostRequestedVmpl ? 'none: the host asked for it' : String(report.vmpl),
    judge: (levels, { report }) => passWhenListed(levels, report.vmpl),
    suggest: ({ report }) => ({
      value: [report.vmpl],
      ...(report.vmpl === 0 ? {} : { warning: 'something more privileged runs in this guest, at level 0' }),
    }),
  }),
  listedBytes('host-data', 32, ({ report }) => report.hostData, {
    subject: 'HOST_DATA',
    purpose:
      'Set by the host at launch and fixed from then on; Azure container instances put the digest of their security policy here. All zero where nobody uses it.',
    mend: 'Launch the guest with the host data that the policy lists.',
  }),
  listedBytes('family-ids', 16, ({ report }) => report.familyId, {
    subject: 'FAMILY_ID',
    purpose: 'Name of the guest family from the ID block. It proves something only together with `id-keys`.',
    mend: 'Launch with the ID block of the expected guest.',
  }),
  listedBytes('image-ids', 16, ({ report }) => report.imageId, {
    subject: 'IMAGE_ID',
    purpose: 'Name of the guest image from the ID block. It proves something only together with `id-keys`.',
    mend: 'Launch with the ID block of the expected guest.',
  }),
  snpField({
    path: ['guest-svn'],
    subject: 'security version of the guest (GUEST_SVN)',
    purpose:
      'Counts up with each guest image that mends a weakness. It proves something only together with `id-keys`.',
    mend: 'Launch a newer image.',
    kind: minimum(0xffff_ffff),
    actual: ({ report }) => String(report.guestSvn),
    judge: (least, { report }) => passWhen(report.guestSvn >= least),
    suggest: ({ report }) => ({ value: report.guestSvn }),
  }),
  snpField({
    path: ['id-keys'],
    subject: 'key that signed the ID block (ID_KEY_DIGEST)',
    purpose:
      'SHA-384 of the key whose owner vouched for this launch digest and guest policy. Without a list the host may have used a key of its own.',
    mend: 'Launch with an ID block that a listed key signed.',
    kind: digests(48),
    actual: ({ report }) => digestOrNone(report.idKeyDigest),
    judge: (list, { report }) => passWhenListed(list, toHex(report.idKeyDigest)),
    suggest: ({ report }) => ({ value: isZero(report.idKeyDigest) ? 'any' : [toHex(report.idKeyDigest)] }),
  }),
  snpField({
    path: ['author-keys'],
    subject: 'key that signed the ID key (AUTHOR_KEY_DIGEST)',
    purpose:
      'SHA-384 of the key whose owner vouched for the ID key. The report must also say that the firmware checked it (AUTHOR_KEY_EN).',
    mend: 'Launch with author-key-enabled and an ID key that a listed author signed.',
    kind: digests(48),
    actual: authorKey,
    judge: (list, claims) =>
      claims.report.authorKeyEnabled
        ? passWhenListed(list, toHex(claims.report.authorKeyDigest))
        : { status: 'fail' },
    suggest: ({ report }) => ({ value: report.authorKeyEnabled ? [toHex(report.authorKeyDigest)] : 'any' }),
  }),
];

function authorKey({ report }: SnpClaims): string {
  return report.authorKeyEnabled ? toHex(report.authorKeyDigest) : 'none (AUTHOR_KEY_EN is 0)';
}

function digestOrNone(digest: Uint8Array): string {
  return isZero(digest) ? 'none (all zero)' : toHex(digest);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
