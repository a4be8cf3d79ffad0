// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import type { IntelClaims, IntelCollateralClaims } from '../../intel/claims.ts';
import type { Platform } from '../../intel/pck.ts';
import type { TcbEvaluation } from '../../intel/tcb-level.ts';
import { tcbStatuses } from '../../intel/tcb-status.ts';
import { passWhen, passWhenListed, type Field, type FieldRow } from '../field.ts';
import { bit, digests, minimum, texts, words } from '../value-kinds.ts';

/** Makes a row into a field of `[sgx]` or `[tdx]`. */
export type Maker<C> = <V>(row: FieldRow<C, V>) => Field<C>;

// Verified evidence has all three: without one of them a check failed.
const tcbOf = ({ tcb }: IntelClaims): TcbEvaluation => tcb as TcbEvaluation;
const platformOf = ({ platform }: IntelClaims): Platform => platform as Platform;
const collateralOf = ({ collateral }: IntelClaims): IntelCollateralClaims =>
  collateral as IntelCollateralClaims;

/** A byte string of the report that must be one of a list. */
export function listedBytes<C>(
  field: Maker<C>,
  key: string,
  bytes: number,
  of: (claims: C) => Uint8Array | undefined,
  texts: Pick<FieldRow<C, unknown>, 'subject' | 'purpose' | 'mend'>,
  suggested = true,
): Field<C> {
  const actual = (claims: C): string => {
    const value = of(claims);
    return value === undefined ? 'none' : toHex(value);
  };
  return field({
    ...texts,
    path: key.split('.'),
    kind: digests(bytes),
    actual,
    judge: (list, claims) => passWhenListed(list, actual(claims)),
    suggest: (claims) => {
      const value = actual(claims);
      // All zero is what nobody set.
      return { value: suggested && /[1-9a-f]/.test(value) && value !== 'none' ? [value] : 'any' };
    },
  });
}

/** @param careful - the value that a careful reader wants, and what to say of the other */
export function attributeBit<C>(
  field: Maker<C>,
  key: string,
  of: (claims: C) => boolean,
  careful: { readonly wanted: boolean; readonly warning: string } | undefined,
  texts: Pick<FieldRow<C, unknown>, 'subject' | 'purpose' | 'mend'>,
): Field<C> {
  return field({
    ...texts,
    path: ['attributes', key],
    kind: bit,
    actual: (claims) => (of(claims) ? 'set' : 'not set'),
    judge: (value, claims) => passWhen(of(claims) === value),
    suggest: (claims) => {
      if (careful === undefined) return { value: 'any' };
      const { wanted, warning } = careful;
      // A template asks for what protects, and never that the guest be weaker than it need be.
      return of(claims) === wanted ? { value: wanted } : { value: 'any', warning };
    },
  });
}

const days = {
  ...minimum(36_500),
  values: 'the greatest age that is accepted, in days, 0 to 36500',
  says: (value: number) => `at most ${String(value)} days`,
};

function ageMaximum<C extends IntelClaims>(
  field: Maker<C>,
  key: string,
  of: (collateral: IntelCollateralClaims) => number,
  texts: Pick<FieldRow<C, unknown>, 'subject' | 'purpose' | 'mend'>,
): Field<C> {
  return field({
    ...texts,
    path: ['collateral', key],
    kind: days,
    actual: (claims) => String(of(collateralOf(claims))),
    judge: (most, claims) => passWhen(of(collateralOf(claims)) <= most),
    suggest: () => ({ value: 'any' }),
  });
}

function crlMinimum<C extends IntelClaims>(
  field: Maker<C>,
  key: string,
  of: (collateral: IntelCollateralClaims) => bigint,
  whose: string,
): Field<C> {
  return field({
    subject: `number of the ${whose} revocation list`,
    purpose:
      'Lowest number that is accepted. Intel has written 1 into nearly every list so far, so that the age says more.',
    mend: 'Fetch the revocation list anew.',
    path: ['collateral', key],
    kind: minimum(0xffff_ffff),
    actual: (claims) => String(of(collateralOf(claims))),
    judge: (least, claims) => passWhen(of(collateralOf(claims)) >= BigInt(least)),
    suggest: () => ({ value: 'any' }),
  });
}

const statusWarning =
  'the platform lacks what Intel thinks it needs; read the advisories and decide whether they matter to you';

/** What both kinds of Intel’s TEEs are asked: the platform and how Intel thinks of it. */
export function intelFields<C extends IntelClaims>(field: Maker<C>): readonly Field<C>[] {
  return [
    field({
      path: ['tcb', 'statuses'],
      subject: 'status of the TCB',
      purpose:
        'What Intel thinks of the versions of platform, quoting enclave and TDX module, the worst of them. `SWHardeningNeeded` and `ConfigurationNeeded` say that it depends on the enclave or the firmware settings; `OutOfDate` that a mended version exists.',
      mend: 'Have the host’s microcode, firmware and quoting enclave updated, or accept the status if you know why.',
      kind: words(tcbStatuses),
      actual: (claims) => tcbOf(claims).status,
      judge: (list, claims) => passWhenListed<string>(list, tcbOf(claims).status),
      suggest: (claims) => {
        const { status } = tcbOf(claims);
        return { value: [status], ...(status === 'UpToDate' ? {} : { warning: statusWarning }) };
      },
    }),
    field({
      path: ['tcb', 'advisories-accepted'],
      subject: 'Intel’s advisories that apply',
      purpose:
        'Advisories that you have read and found to be no harm to you. One that applies and is not listed refuses the evidence.',
      mend: 'Read the advisory, and add it if it is no harm to you; update the host if it is.',
      kind: {
        ...texts('a list of advisories such as "INTEL-SA-00615"'),
        says: (list) => `none but the ${String(list.length)} listed`,
      },
      actual: (claims) => tcbOf(claims).advisories.join(', ') || 'none',
      judge: (list, claims) =>
        passWhen(tcbOf(claims).advisories.every((advisory) => list.includes(advisory))),
      suggest: (claims) => {
        const { advisories } = tcbOf(claims);
        return { value: advisories.length === 0 ? 'any' : advisories };
      },
    }),
    field({
      path: ['collateral', 'evaluation-minimum'],
      subject: 'tcbEvaluationDataNumber of Intel’s documents',
      purpose:
        'Counts up with each set of advisories that Intel has looked at. A host can serve an older set while it is still within its dates, and an attack of last month would not count; a minimum prevents that.',
      mend: 'Fetch TCB info and enclave identity anew (update=early has the newest set).',
      kind: minimum(0xffff_ffff),
      actual: (claims) => String(collateralOf(claims).evaluationNumber),
      judge: (least, claims) => passWhen(collateralOf(claims).evaluationNumber >= least),
      suggest: (claims) => ({ value: collateralOf(claims).evaluationNumber }),
    }),
    ageMaximum(field, 'age-maximum', ({ documentAge }) => documentAge, {
      subject: 'age of TCB info and enclave identity, in days',
      purpose:
        'The older one counts. Intel makes them anew each day, good for 30; a lower age notices sooner what came to light meanwhile.',
      mend: 'Fetch both documents anew.',
    }),
    ageMaximum(field, 'crl-age-maximum', ({ pckCrlAge }) => pckCrlAge, {
      subject: 'age of the PCK’s revocation list, in days',
      purpose:
        'Lists are good for 30 days; a lower age notices sooner which platforms were revoked meanwhile.',
      mend: 'Fetch the revocation list anew.',
    }),
    ageMaximum(field, 'root-crl-age-maximum', ({ rootCrlAge }) => rootCrlAge, {
      subject: 'age of the root’s revocation list, in days',
      purpose:
        'Intel makes this list once a year, unless it revokes an authority or a signer: most are some months old, and fresh ones cannot be had.',
      mend: 'Fetch the revocation list of the root anew.',
    }),
    crlMinimum(field, 'crl-minimum', ({ pckCrlNumber }) => pckCrlNumber, 'PCK’s'),
    crlMinimum(field, 'root-crl-minimum', ({ rootCrlNumber }) => rootCrlNumber, 'root’s'),
    listedBytes(
      field,
      'platform.fmspcs',
      6,
      (claims) => platformOf(claims).fmspc,
      {
        subject: 'family of the platform (FMSPC)',
        purpose: 'Families of platforms that are accepted.',
        mend: 'Use a host of a listed family.',
      },
      false,
    ),
    listedBytes(
      field,
      'platform.ppids-accepted',
      16,
      (claims) => platformOf(claims).ppid,
      {
        subject: 'processor (PPID)',
        purpose:
          'Processors that are accepted. Whoever has a machine in hand can take its keys out on the memory bus (WireTap and Battering RAM, 2025, DDR4; TEE.fail, 2025, DDR5) and make perfect quotes; only a list of machines in places that you trust helps against that.',
        mend: 'If you know where the machine stands and trust the place, add its PPID.',
      },
      false,
    ),
    listedBytes(
      field,
      'platform.instances-accepted',
      16,
      (claims) => platformOf(claims).instanceId,
      {
        subject: 'machine (platform instance id)',
        purpose:
          'Machines that are accepted, since they were last set up. Only certificates of the Platform CA name one.',
        mend: 'If you know where the machine stands and trust the place, add its id.',
      },
      false,
    ),
    field({
      path: ['platform', 'smt'],
      subject: 'SMT on the host, as its PCK certificate says',
      purpose: 'Whether sibling threads run at all. Only certificates of the Platform CA say so.',
      mend: 'Use a host that is set up so.',
      kind: bit,
      actual: (claims) => smt[String(platformOf(claims).smtEnabled) as keyof typeof smt],
      judge: (wanted, claims) => passWhen(platformOf(claims).smtEnabled === wanted),
      suggest: () => ({ value: 'any' }),
    }),
  ];
}

const smt = { true: 'set', false: 'not set', undefined: 'not said' } as const;
