// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { evaluateTcb, type TcbEvaluation, type TcbToEvaluate } from '../../src/intel/tcb-level.ts';
import type { EnclaveIdentity } from '../../src/intel/enclave-identity.ts';
import type { TcbInfo, TcbLevel, TdxModuleIdentity } from '../../src/intel/tcb-info.ts';
import {
  enclaveStatuses,
  platformStatuses,
  type EnclaveStatus,
  type ModuleStatus,
  type PlatformStatus,
} from '../../src/intel/tcb-status.ts';
import { fakePlatform, verifyFake, withLevels } from './fake-intel.ts';

const sixteen = (...first: number[]): number[] => [...first, ...Array<number>(16 - first.length).fill(0)];
const date = (day: number): number => day * 86_400_000;

const level = (over: Partial<TcbLevel> = {}): TcbLevel => ({
  sgxComponents: sixteen(2, 2),
  tdxComponents: sixteen(5, 0, 3),
  pceSvn: 13,
  status: 'UpToDate',
  date: date(3),
  advisories: [],
  ...over,
});

const module = (
  levels: readonly (readonly [isvSvn: number, status: ModuleStatus])[],
  id = 'TDX_01',
): TdxModuleIdentity => ({
  id,
  mrSigner: new Uint8Array(48),
  attributes: new Uint8Array(8),
  attributesMask: new Uint8Array(8),
  levels: levels.map(([isvSvn, status]) => ({ isvSvn, status, date: date(2), advisories: ['M'] })),
});

interface Case {
  readonly levels?: readonly TcbLevel[];
  readonly modules?: readonly TdxModuleIdentity[] | undefined;
  readonly enclave?: EnclaveStatus;
  readonly teeTcbSvn?: readonly number[] | undefined;
  readonly teeTcbSvn2?: readonly number[];
  readonly qeIsvSvn?: number;
}

function evaluate({ levels = [level()], enclave = 'UpToDate', qeIsvSvn = 8, ...rest }: Case = {}):
  TcbEvaluation | string {
  const bytes = (svns: readonly number[] | undefined): Uint8Array | undefined =>
    svns && Uint8Array.from(sixteen(...svns));
  return evaluateTcb({
    platform: { components: sixteen(2, 3), pceSvn: 13 },
    teeTcbSvn: bytes(rest.teeTcbSvn),
    teeTcbSvn2: bytes(rest.teeTcbSvn2),
    qeIsvSvn,
    tcbInfo: { levels, tdxModuleIdentities: rest.modules } as TcbInfo,
    identity: {
      levels: [{ isvSvn: 8, status: enclave, date: date(4), advisories: ['Q', 'A'] }],
    } as unknown as EnclaveIdentity,
  } satisfies TcbToEvaluate);
}

const statusOf = (result: TcbEvaluation | string): string =>
  typeof result === 'string' ? result : result.status;

describe('the status of a TCB', () => {
  test('is that of the highest level that is reached in every component and in PCESVN', () => {
    const levels = [
      level({ sgxComponents: sixteen(3, 0), status: 'UpToDate' }),
      level({ sgxComponents: sixteen(2, 3), pceSvn: 14, status: 'UpToDate' }),
      level({ sgxComponents: sixteen(2, 3), pceSvn: 13, status: 'SWHardeningNeeded' }),
      level({ sgxComponents: sixteen(1), pceSvn: 1, status: 'Revoked' }),
    ];
    assert.equal(statusOf(evaluate({ levels })), 'SWHardeningNeeded');
    assert.match(statusOf(evaluate({ levels: levels.slice(0, 2) })), /^no level of the TCB info/);
  });

  test('does not depend on the order of the document', async () => {
    const shuffled = (status: string): ReturnType<typeof verifyFake> =>
      verifyFake({
        tee: 'sgx',
        tcbInfo: withLevels((given) => {
          const tcb = given['tcb'] as { sgxtcbcomponents: { svn: number }[] };
          const lower = {
            ...given,
            tcb: { ...tcb, sgxtcbcomponents: tcb.sgxtcbcomponents.map(() => ({ svn: 0 })) },
            tcbStatus: 'OutOfDate',
          };
          const older = { ...lower, tcb: { ...lower.tcb, pcesvn: 5 }, tcbStatus: 'Revoked' };
          const highest = { ...given, tcbStatus: status };
          return [older, lower, highest];
        }),
      });
    assert.equal((await shuffled('ConfigurationNeeded')).claims?.tcb?.status, 'ConfigurationNeeded');
  });

  test('of TDX counts the module’s own bytes only while modules have no versions', () => {
    assert.equal(statusOf(evaluate({ teeTcbSvn: [5, 0, 3] })), 'UpToDate');
    for (const teeTcbSvn of [
      [4, 0, 3],
      [5, 0, 2],
    ])
      assert.match(statusOf(evaluate({ teeTcbSvn })), /^no level of the TCB info/);
    const modules = [module([[3, 'UpToDate']])];
    assert.equal(statusOf(evaluate({ teeTcbSvn: [4, 1, 3], modules })), 'UpToDate');
    assert.match(statusOf(evaluate({ teeTcbSvn: [4, 1, 2], modules })), /^no level of the TCB info/);
  });

  test('of TDX includes the level of the module’s own version', () => {
    const modules = [
      module([
        [6, 'UpToDate'],
        [4, 'OutOfDate'],
        [2, 'Revoked'],
      ]),
      module([[0, 'UpToDate']], 'TDX_02'),
    ];
    for (const [svn, status] of [
      [7, 'UpToDate'],
      [5, 'OutOfDate'],
      [3, 'Revoked'],
    ] as const) {
      const result = evaluate({ teeTcbSvn: [svn, 1, 3], modules });
      assert.equal(statusOf(result), status);
      assert.equal(typeof result === 'string' || result.module, status);
    }
    assert.match(statusOf(evaluate({ teeTcbSvn: [1, 1, 3], modules })), /SVN 1 of the TDX module TDX_01/);
    assert.match(statusOf(evaluate({ teeTcbSvn: [1, 0x1f, 3], modules })), /module TDX_1F/);
    assert.match(statusOf(evaluate({ teeTcbSvn: [1, 1, 3], modules: undefined })), /module TDX_01/);
  });

  test('is not known for a quoting enclave below all levels of its identity', () => {
    assert.match(statusOf(evaluate({ qeIsvSvn: 7 })), /the QE’s SVN 7/);
  });

  test('converges as Intel’s library lets it: what is out of date or revoked pulls the whole along', () => {
    const outOfDate: Readonly<Record<PlatformStatus, string>> = {
      UpToDate: 'OutOfDate',
      SWHardeningNeeded: 'OutOfDate',
      ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
      ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
      OutOfDate: 'OutOfDate',
      OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
      Revoked: 'Revoked',
    };
    for (const status of platformStatuses)
      for (const enclave of enclaveStatuses) {
        const expected =
          enclave === 'Revoked' ? 'Revoked' : enclave === 'OutOfDate' ? outOfDate[status] : status;
        assert.equal(
          statusOf(evaluate({ levels: [level({ status })], enclave })),
          expected,
          `${status}, ${enclave}`,
        );
      }
  });

  test('has the earliest date and all advisories of what it is made of, each once', () => {
    const result = evaluate({
      levels: [level({ advisories: ['P', 'A'] })],
      teeTcbSvn: [6, 1, 3],
      modules: [module([[6, 'UpToDate']])],
    });
    assert.ok(typeof result !== 'string');
    assert.equal(result.date, date(2));
    assert.deepEqual(result.advisories, ['A', 'M', 'P', 'Q']);
  });
});

describe('a guest whose TDX module was updated beneath it', () => {
  const modules = [
    module([
      [6, 'UpToDate'],
      [4, 'OutOfDate'],
      [2, 'Revoked'],
    ]),
  ];
  const statusFor = (launch: number, now: number, status: PlatformStatus = 'UpToDate'): string =>
    statusOf(
      evaluate({ levels: [level({ status })], modules, teeTcbSvn: [launch, 1, 3], teeTcbSvn2: [now, 1, 3] }),
    );

  test('is advised to be launched again when that would help', () => {
    assert.equal(statusFor(4, 6), 'TDRelaunchAdvised');
    assert.equal(statusFor(4, 6, 'SWHardeningNeeded'), 'TDRelaunchAdvised');
    for (const status of ['ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded'] as const)
      assert.equal(statusFor(4, 6, status), 'TDRelaunchAdvisedConfigurationNeeded');
  });

  test('has the status of its launch when it would not', () => {
    assert.equal(statusFor(6, 6), 'UpToDate');
    assert.equal(statusFor(6, 4), 'UpToDate');
    assert.equal(statusFor(4, 4), 'OutOfDate');
    assert.equal(statusFor(4, 6, 'OutOfDate'), 'OutOfDate');
    assert.equal(statusFor(2, 6), 'Revoked');
    assert.equal(statusFor(4, 2), 'OutOfDate');
  });

  test('is not known when the module that runs now is not', () => {
    assert.match(statusFor(6, 1), /for the TDX module that runs now$/);
    assert.match(statusFor(1, 6), /SVN 1 of the TDX module/);
  });
});

test('levels of TDX that differ in their module only are tried from the highest on', async () => {
  const { platform } = await fakePlatform({
    tcbInfo: withLevels((given) => {
      const tcb = given['tcb'] as { tdxtcbcomponents?: { svn: number }[] };
      if (tcb.tdxtcbcomponents === undefined) return [given];
      const lower = {
        ...given,
        tcb: { ...tcb, tdxtcbcomponents: tcb.tdxtcbcomponents.map(() => ({ svn: 0 })) },
        tcbStatus: 'Revoked',
      };
      return [lower, given];
    }),
  });
  const result = await verifyFake({ collateral: () => platform.collateral });
  assert.equal(result.claims?.tcb?.platform, 'UpToDate');
});
