// SPDX-License-Identifier: Apache-2.0
export { parseAddress, type Address } from './address.ts';
export type { AttestedKeep } from './attested-keep.ts';
export {
  isComponent,
  isComponentFile,
  moduleFromComponent,
  type ComponentOptions,
  type ComponentSource,
} from './component-source.ts';
export type { TakenApart, Transpile } from './component/transpile.ts';
export type { Listening, ProgramStreams } from './conversation.ts';
export type { Workload } from './workload.ts';
export { connect, type ConnectOptions, type Host, type NewKeep } from './host.ts';
export type { HostAccess } from './host-access.ts';
export { defaultHostTimes, type HostTimes } from './host-api.ts';
export type { Keep, LaunchOptions } from './keep.ts';
export type { LaunchTrust } from './launch-secret.ts';
export type { Trust } from './judgement.ts';
export { moduleFromBytes, moduleFromFile, type ModuleSource } from './module-source.ts';
export { packageFromDirectories, type CarriedDirectory } from './package-directories.ts';
export type { PackageItem, PackageSource } from './package-source.ts';
export { clientProblems, type ClientProblemCode } from './problems.ts';
export { RejectedError } from './rejected-error.ts';
export type { RunningProgram } from './running-program.ts';
export type { SealedLaunch } from './sealed-launch.ts';
export { stepTitles, type Step, type StepNumber, type Witness } from './steps.ts';
export type { InputSource, OutputTarget } from './streams.ts';
export type { Tap } from './tap.ts';
export type { AttestOptions, OpenOptions, UnattestedKeep } from './unattested-keep.ts';
export { describeWorkload } from './workload-bounds.ts';
export {
  createIdentity,
  exportIdentity,
  importIdentity,
  loadIdentity,
  ReportedError,
  saveIdentity,
  type ClientIdentity,
} from '@enarx/channel';
