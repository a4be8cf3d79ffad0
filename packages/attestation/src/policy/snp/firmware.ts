// SPDX-License-Identifier: Apache-2.0
import * as v from 'valibot';
import type { SnpClaims } from '../../snp/claims.ts';
import { amdProducts, type AmdProduct } from '../../snp/product.ts';
import type { FirmwareVersion, SnpReport } from '../../snp/report.ts';
import { componentsBelow, formatTcb, type TcbVersion } from '../../snp/tcb.ts';
import { passWhen, type Judgement, type Suggestion } from '../field.ts';
import { recommendedMinimumTcb, type MinimumTcbRow } from '../minimum-tcb-table.ts';
import { judgeTcb, minimumTcb, rowsFor } from '../minimum-tcb.ts';
import {
  dotted,
  dottedSchema,
  numbers,
  olderThan,
  strictTable,
  word,
  type DottedVersion,
  type ValueKind,
} from '../value-kinds.ts';
import { snpField, type SnpField } from './field.ts';

type VersionByProduct = Readonly<Partial<Record<AmdProduct, DottedVersion>>>;

const versionByProduct: ValueKind<VersionByProduct> = {
  schema: v.pipe(
    strictTable({
      Milan: v.optional(dottedSchema(3)),
      Genoa: v.optional(dottedSchema(3)),
      Turin: v.optional(dottedSchema(3)),
    }),
    v.transform((table): VersionByProduct => table as VersionByProduct),
    v.check(
      (table) => Object.keys(table).length > 0,
      'may not be empty: name each generation that is accepted',
    ),
  ),
  values: 'a table with the lowest version of each generation, `{ Milan = "1.55.22", Genoa = "1.55.38" }`',
  toml: (table) =>
    `{ ${amdProducts.flatMap((product) => (table[product] === undefined ? [] : `${product} = "${dotted(table[product])}"`)).join(', ')} }`,
  says: (table) =>
    amdProducts
      .flatMap((product) =>
        table[product] === undefined ? [] : `at least ${dotted(table[product])} on ${product}`,
      )
      .join(', '),
};

/** BadRAM (AMD-SB-3015): from these versions on the firmware looks for aliased memory. Source: a comment in virtee/sev. */
const firmwareWithAliasCheck: VersionByProduct = {
  Milan: { parts: [1, 55, 22] },
  Genoa: { parts: [1, 55, 38] },
};

function reportedAndCommitted({ tcb }: SnpClaims): [string, TcbVersion | undefined][] {
  return [
    ['reported', tcb?.reported],
    ['committed', tcb?.committed],
  ];
}

/** The recommended rows where the evidence meets them, otherwise rows that it just meets. */
function suggestedRows(claims: SnpClaims): Suggestion<readonly MinimumTcbRow[] | 'any'> {
  const { product, tcb } = claims;
  const rows = rowsFor(recommendedMinimumTcb.rows, claims).map(([, row]) => row);
  if (product === undefined || tcb === undefined || rows.length === 0)
    return { value: 'any', warning: 'nothing is known of the versions of this processor' };
  if (judgeTcb(rows, claims, reportedAndCommitted(claims)).status === 'pass') return { value: rows };
  // Only fmc may be undefined, and where it is no row has one.
  const lower = (component: keyof TcbVersion): number =>
    Math.min(tcb.reported[component] as number, tcb.committed[component] as number);
  return {
    value: rows.map(({ family, models, fmc }) => ({
      product,
      family,
      models,
      ...(fmc === undefined ? {} : { fmc: lower('fmc') }),
      bootloader: lower('bootloader'),
      tee: lower('tee'),
      snp: lower('snp'),
      microcode: lower('microcode'),
    })),
    warning: `these are the versions of this evidence, below what is recommended (${recommendedMinimumTcb.source}, as of ${recommendedMinimumTcb.date}): known attacks work on this platform`,
  };
}

function version({ major, minor, build }: FirmwareVersion): readonly number[] {
  return [major, minor, build];
}

function suggestedVersion({ product, report }: SnpClaims): Suggestion<VersionByProduct | 'any'> {
  if (product === undefined) return { value: 'any' };
  const committed = version(report.committedFirmware);
  const least = firmwareWithAliasCheck[product];
  if (least !== undefined && !olderThan(committed, least.parts)) return { value: { [product]: least } };
  return {
    value: { [product]: { parts: committed } },
    ...(least === undefined
      ? {}
      : { warning: `below ${dotted(least)}, from which on the firmware looks for aliased memory (BadRAM)` }),
  };
}

function mitigations(key: string, name: string, of: (report: SnpReport) => bigint | undefined): SnpField {
  return snpField({
    path: ['firmware', key],
    subject: `mitigations at ${name}`,
    purpose: `Bits of the mitigation vector at ${name} that must be set. Reports have one from version 5 on; an older report cannot show any and is refused by a list. AMD's bulletins say what a bit stands for.`,
    mend: 'Update the firmware of the host.',
    kind: {
      ...numbers(0, 63, 'a list of bit numbers from 0 to 63'),
      says: (bits) => `bits set: ${bits.join(', ')}`,
    },
    actual: ({ report }) => {
      const vector = of(report);
      return vector === undefined
        ? `none in a report of version ${String(report.version)}`
        : `0x${vector.toString(16)}`;
    },
    judge: (bits, { report }): Judgement => {
      const vector = of(report);
      return passWhen(vector !== undefined && bits.every((one) => ((vector >> BigInt(one)) & 1n) === 1n));
    },
    suggest: () => ({ value: 'any' }),
  });
}

/** Versions of the platform's own software, and what it mends. */
export const firmwareFields: readonly SnpField[] = [
  snpField({
    path: ['firmware', 'minimum-tcb'],
    subject: 'security versions of the platform (REPORTED_TCB, COMMITTED_TCB)',
    purpose: `Lowest versions of the components below the guest, for each range of processor models, held against the reported and the committed version, component by component. A processor without a row is refused. Recommended rows: ${recommendedMinimumTcb.source}, as of ${recommendedMinimumTcb.date}.`,
    mend: 'Update firmware and microcode of the host and commit the update.',
    kind: minimumTcb,
    actual: ({ tcb }) => (tcb === undefined ? 'unknown' : formatTcb(tcb.reported)),
    judge: (rows, claims) => judgeTcb(rows, claims, reportedAndCommitted(claims)),
    suggest: suggestedRows,
  }),
  snpField({
    path: ['firmware', 'launch-tcb'],
    subject: 'security versions at launch (LAUNCH_TCB)',
    purpose:
      'Whether the versions under which the guest was launched must meet `minimum-tcb` too. A guest that was launched before an update may have been attacked before it.',
    mend: 'Launch the guest anew on the updated host.',
    kind: word('minimum-tcb', 'any', 'at least minimum-tcb'),
    actual: ({ tcb }) => (tcb === undefined ? 'unknown' : formatTcb(tcb.launch)),
    judge: (_word, claims, section) =>
      // The policy's own check has made sure that there are rows.
      judgeTcb(section.get('firmware.minimum-tcb') as readonly MinimumTcbRow[], claims, [
        ['launch', claims.tcb?.launch],
      ]),
    suggest: (claims) => {
      const rows = suggestedRows(claims).value;
      if (rows !== 'any' && judgeTcb(rows, claims, [['launch', claims.tcb?.launch]]).status === 'pass')
        return { value: 'minimum-tcb' };
      return {
        value: 'any',
        warning: 'this guest was launched under older versions than the platform has now',
      };
    },
  }),
  snpField({
    path: ['firmware', 'provisional'],
    subject: 'provisional firmware',
    purpose:
      'Firmware that is not committed yet can be rolled back under a running guest. Refused means: the current version of each part is the committed one.',
    mend: 'Commit the firmware on the host (SNP_COMMIT).',
    kind: word('refused', 'any', 'not in use'),
    actual: (claims) => (isProvisional(claims) ? 'in use' : 'not in use'),
    judge: (_refused, claims) => passWhen(!isProvisional(claims)),
    suggest: (claims) =>
      isProvisional(claims)
        ? { value: 'any', warning: 'this firmware can still be rolled back' }
        : { value: 'refused' },
  }),
  snpField({
    path: ['firmware', 'minimum-version'],
    subject: 'version of the SNP firmware',
    purpose:
      'Lowest version of the committed firmware, for each generation. A generation that is not named is refused. Milan 1.55.22 and Genoa 1.55.38 are the first that look for aliased memory (BadRAM).',
    mend: 'Update the firmware of the host.',
    kind: versionByProduct,
    actual: ({ report }) => version(report.committedFirmware).join('.'),
    judge: (least, { product, report }) => {
      const wanted = product && least[product];
      if (wanted === undefined)
        return { status: 'fail', found: `${product ?? 'unknown product'}, which is not named` };
      return passWhen(!olderThan(version(report.committedFirmware), wanted.parts));
    },
    suggest: suggestedVersion,
  }),
  mitigations('launch-mitigations', 'launch', (report) => report.launchMitigationVector),
  mitigations('current-mitigations', 'present', (report) => report.currentMitigationVector),
];

function isProvisional({ tcb, report }: SnpClaims): boolean {
  const { currentFirmware, committedFirmware } = report;
  if (tcb === undefined || componentsBelow(tcb.committed, tcb.current).length > 0) return true;
  return version(currentFirmware).join() !== version(committedFirmware).join();
}
