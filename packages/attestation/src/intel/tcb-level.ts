// SPDX-License-Identifier: Apache-2.0
import type { EnclaveIdentity } from './enclave-identity.ts';
import type { Platform } from './pck.ts';
import type { SvnLevel, TcbInfo, TdxModuleIdentity } from './tcb-info.ts';
import type { EnclaveStatus, ModuleStatus, PlatformStatus, TcbStatus } from './tcb-status.ts';

/** What Intel says of a TCB as a whole. */
export interface TcbEvaluation {
  readonly status: TcbStatus;
  readonly platform: PlatformStatus;
  /** Of the TDX module at launch; `undefined` for SGX and for modules of version 0, which the platform’s level covers. */
  readonly module: ModuleStatus | undefined;
  readonly enclave: EnclaveStatus;
  /** From TD report 1.5 on: what the status would be with the module that runs now. */
  readonly current: TcbStatus | undefined;
  /** The earliest of the dates of the levels that apply, in milliseconds since 1970. */
  readonly date: number;
  /** Intel’s advisories for the levels that apply. */
  readonly advisories: readonly string[];
}

export interface TcbToEvaluate {
  readonly platform: Pick<Platform, 'components' | 'pceSvn'>;
  /** 16 bytes each; of TDX only, the second from TD report 1.5 on. */
  readonly teeTcbSvn: Uint8Array | undefined;
  readonly teeTcbSvn2: Uint8Array | undefined;
  readonly qeIsvSvn: number;
  readonly tcbInfo: TcbInfo;
  readonly identity: EnclaveIdentity;
}

/**
 * The status as Intel’s quote verification library of 2026 decides it (EvaluateTcb.cpp, TDRelaunchCheck.cpp). A sentence when no
 * level applies, which the library calls “TCB not supported”.
 */
export function evaluateTcb(tcb: TcbToEvaluate): TcbEvaluation | string {
  const launch = evaluateOnce(tcb, tcb.teeTcbSvn);
  if (typeof launch === 'string' || tcb.teeTcbSvn2 === undefined) return launch;
  const current = evaluateOnce(tcb, tcb.teeTcbSvn2);
  if (typeof current === 'string') return `${current}, for the TDX module that runs now`;
  return { ...launch, status: afterRelaunch(launch.status, current.status), current: current.status };
}

function evaluateOnce(
  { platform, qeIsvSvn, tcbInfo, identity }: TcbToEvaluate,
  teeTcbSvn: Uint8Array | undefined,
): TcbEvaluation | string {
  const level = tcbInfo.levels.find(
    ({ sgxComponents, tdxComponents, pceSvn }) =>
      sgxComponents.every((least, index) => (platform.components[index] as number) >= least) &&
      platform.pceSvn >= pceSvn &&
      (teeTcbSvn === undefined || tdxReached(teeTcbSvn, tdxComponents)),
  );
  if (level === undefined) return 'no level of the TCB info is as low as this platform’s security versions';
  const enclave = levelOf(identity.levels, qeIsvSvn);
  if (enclave === undefined)
    return `no level of the enclave identity is as low as the QE’s SVN ${String(qeIsvSvn)}`;
  const parts: SvnLevel<EnclaveStatus | ModuleStatus>[] = [enclave];
  let module: SvnLevel<ModuleStatus> | undefined;
  if (teeTcbSvn !== undefined && moduleVersionOf(teeTcbSvn) > 0) {
    const known = moduleIdentityOf(tcbInfo, teeTcbSvn);
    module = known && levelOf(known.levels, teeTcbSvn[0] as number);
    if (module === undefined)
      return `no level of the TCB info is for SVN ${String(teeTcbSvn[0])} of the TDX module ${moduleIdOf(teeTcbSvn)}`;
    parts.push(module);
  }
  return {
    status: converge(
      level.status,
      parts.map(({ status }) => status),
    ),
    platform: level.status,
    module: module?.status,
    enclave: enclave.status,
    current: undefined,
    date: Math.min(level.date, ...parts.map(({ date }) => date)),
    advisories: [...new Set([level, ...parts].flatMap(({ advisories }) => advisories))].toSorted(),
  };
}

/** Bytes 0 and 1 are the module’s SVN and version; once modules have versions, their identity says what to make of them. */
function tdxReached(teeTcbSvn: Uint8Array, components: readonly number[]): boolean {
  const first = moduleVersionOf(teeTcbSvn) > 0 ? 2 : 0;
  return components.every((least, index) => index < first || (teeTcbSvn[index] as number) >= least);
}

export function moduleVersionOf(teeTcbSvn: Uint8Array): number {
  return teeTcbSvn[1] as number;
}

export function moduleIdOf(teeTcbSvn: Uint8Array): string {
  return `TDX_${moduleVersionOf(teeTcbSvn).toString(16).toUpperCase().padStart(2, '0')}`;
}

export function moduleIdentityOf(tcbInfo: TcbInfo, teeTcbSvn: Uint8Array): TdxModuleIdentity | undefined {
  return tcbInfo.tdxModuleIdentities?.find(({ id }) => id === moduleIdOf(teeTcbSvn));
}

function levelOf<S>(levels: readonly SvnLevel<S>[], svn: number): SvnLevel<S> | undefined {
  return levels.find(({ isvSvn }) => svn >= isvSvn);
}

/** A part that is out of date makes the whole so; one that is revoked makes the whole revoked. */
function converge(
  platform: PlatformStatus,
  parts: readonly (EnclaveStatus | ModuleStatus)[],
): PlatformStatus {
  if (parts.includes('Revoked')) return 'Revoked';
  return parts.includes('OutOfDate') ? outOfDate[platform] : platform;
}

const outOfDate: Readonly<Record<PlatformStatus, PlatformStatus>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
  OutOfDate: 'OutOfDate',
  OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  Revoked: 'Revoked',
};

const relaunchHelps: readonly TcbStatus[] = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
];
const configurationNeeded: readonly TcbStatus[] = [
  'ConfigurationNeeded',
  'OutOfDateConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
];

/** A guest that was launched by an old module and now runs on a new one is as good as new once it is launched again. */
function afterRelaunch(launch: TcbStatus, current: TcbStatus): TcbStatus {
  const old = launch === 'OutOfDate' || launch === 'OutOfDateConfigurationNeeded';
  if (!old || !relaunchHelps.includes(current)) return launch;
  return [launch, current].some((status) => configurationNeeded.includes(status))
    ? 'TDRelaunchAdvisedConfigurationNeeded'
    : 'TDRelaunchAdvised';
}
