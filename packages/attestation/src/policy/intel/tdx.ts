// SPDX-License-Identifier: Apache-2.0
import type { TdxClaims } from '../../intel/claims.ts';
import { fieldsOf, passWhen, type Field } from '../field.ts';
import type { Section } from '../section.ts';
import { word } from '../value-kinds.ts';
import { attributeBit, intelFields, listedBytes } from './fields.ts';

const field = fieldsOf<TdxClaims>('tdx');

const registers: readonly (readonly [index: 0 | 1 | 2 | 3, what: string])[] = [
  [0, 'the firmware’s settings: what the host built around the firmware, ACPI tables and boot variables'],
  [1, 'what the firmware started: boot loader and kernel'],
  [2, 'what the boot loader read: kernel command line, initial file system'],
  [3, 'what applications measured; zero where nobody does'],
];

/** `[tdx]`: what is asked of an Intel TDX trust domain. */
export const tdxSection: Section<TdxClaims> = {
  tee: 'tdx',
  vendor: 'intel',
  title: 'Intel TDX',
  reportData: ({ report }) => report.reportData,
  contradiction: () => undefined,
  fields: [
    listedBytes(field, 'mrtd', 48, ({ report }) => report.mrTd, {
      subject: 'measurement of the guest at launch (MRTD)',
      purpose:
        'SHA-384 over what the guest was built of, which is its firmware. What the firmware started is in the registers below.',
      mend: 'If the firmware is one that you built or know, add its measurement; if not, do not trust it.',
    }),
    ...registers.map(([index, what]): Field<TdxClaims> =>
      listedBytes(field, `rtmr${String(index)}`, 48, ({ report }) => report.rtmrs[index], {
        subject: `register RTMR${String(index)}`,
        purpose: `Extended with ${what}. The event log of the guest (CCEL), given beside the quote, shows what.`,
        mend: 'Compare the event log with that of a guest that you know.',
      }),
    ),
    listedBytes(field, 'config-ids', 48, ({ report }) => report.mrConfigId, {
      subject: 'configuration (MRCONFIGID)',
      purpose: 'Set by the host at launch and fixed from then on.',
      mend: 'Launch the guest with a listed configuration.',
    }),
    listedBytes(field, 'owners', 48, ({ report }) => report.mrOwner, {
      subject: 'owner (MROWNER)',
      purpose: 'Set by the host at launch and fixed from then on; it proves nothing by itself.',
      mend: 'Launch the guest with a listed owner.',
    }),
    listedBytes(field, 'owner-configs', 48, ({ report }) => report.mrOwnerConfig, {
      subject: 'owner’s configuration (MROWNERCONFIG)',
      purpose: 'Set by the host at launch and fixed from then on.',
      mend: 'Launch the guest with a listed configuration.',
    }),
    listedBytes(
      field,
      'modules',
      48,
      ({ report }) => report.mrSeam,
      {
        subject: 'TDX module (MRSEAM)',
        purpose:
          'Modules that are accepted, by their measurement, on top of what Intel thinks of their version.',
        mend: 'Have the host load a listed module.',
      },
      false,
    ),
    field({
      path: ['service-td'],
      subject: 'service TD bound to the guest (MRSERVICETD)',
      purpose:
        'A service TD may move the guest to another machine. A TD report 1.0 does not say whether there is one, and is refused by "none-bound"; what may be moved says `attributes.migratable`.',
      mend: 'Launch the guest without a service TD.',
      kind: word('none-bound', 'any', 'none'),
      actual: serviceTd,
      judge: (_none, claims) => passWhen(serviceTd(claims) === 'none'),
      suggest: (claims) => ({ value: serviceTd(claims) === 'none' ? 'none-bound' : 'any' }),
    }),
    listedBytes(
      field,
      'xfam',
      8,
      ({ report }) => report.xfam,
      {
        subject: 'extended features (XFAM)',
        purpose: 'Which register states the guest may use, as the eight bytes stand in the report.',
        mend: 'Launch the guest with listed features.',
      },
      false,
    ),
    attributeBit(
      field,
      'debug',
      ({ report }) => report.tdAttributes.debug,
      { wanted: false, warning: 'the host sees everything in this guest' },
      {
        subject: 'debugging (DEBUG, bit 0)',
        purpose: 'The host can read and write the memory of a guest that is open to debugging.',
        mend: 'Launch the guest without debugging.',
      },
    ),
    attributeBit(
      field,
      'other-debug',
      ({ report }) => report.tdAttributes.otherDebug,
      { wanted: false, warning: 'the guest is open in a way that is not known yet' },
      {
        subject: 'unknown bits of the group “under debug” (bits 1 to 7)',
        purpose: 'Any of them makes a guest untrusted by definition, whatever it will mean.',
        mend: 'Launch the guest without debugging.',
      },
    ),
    attributeBit(
      field,
      'sept-ve-disable',
      ({ report }) => report.tdAttributes.septVeDisable,
      { wanted: true, warning: 'the host may inject exceptions into this guest' },
      {
        subject: 'no exceptions for missing pages (SEPT_VE_DISABLE, bit 28)',
        purpose:
          'Without it the host may take pages away and so have the guest run its exception handler where it does not expect it.',
        mend: 'Launch the guest with it; current kernels demand it.',
      },
    ),
    attributeBit(
      field,
      'migratable',
      ({ report }) => report.tdAttributes.migratable,
      { wanted: false, warning: 'where the guest runs is up to its service TD' },
      {
        subject: 'migration (MIGRATABLE, bit 29)',
        purpose: 'A service TD may move the guest to another machine.',
        mend: 'Launch the guest without it.',
      },
    ),
    attributeBit(field, 'protection-keys', ({ report }) => report.tdAttributes.protectionKeys, undefined, {
      subject: 'supervisor protection keys (PKS, bit 30)',
      purpose: 'Whether the guest may use them.',
      mend: 'Launch the guest so.',
    }),
    attributeBit(field, 'key-locker', ({ report }) => report.tdAttributes.keyLocker, undefined, {
      subject: 'Key Locker (KL, bit 31)',
      purpose: 'Whether the guest may use it.',
      mend: 'Launch the guest so.',
    }),
    attributeBit(
      field,
      'performance-monitoring',
      ({ report }) => report.tdAttributes.performanceMonitoring,
      undefined,
      {
        subject: 'performance counters (PERFMON, bit 63)',
        purpose: 'Whether the guest may use them.',
        mend: 'Launch the guest so.',
      },
    ),
    ...intelFields(field),
  ],
};

/** A TD report 1.5ex names the service TDs of launch and present, too. */
function serviceTd({ report: { mrServiceTd, extension } }: TdxClaims): string {
  if (mrServiceTd === undefined) return 'not said by a TD report 1.0';
  const named = [mrServiceTd, ...(extension ? [extension.serviceTd, extension.initial.serviceTd] : [])];
  return named.every((one) => one.every((byte) => byte === 0)) ? 'none' : 'one';
}
