// SPDX-License-Identifier: Apache-2.0
export * from './boot-hashes.ts';
export * from './firmware.ts';
export * from './id-block.ts';
export * from './launch-digest.ts';
export * from './loader.ts';
export * from './snp-pages.ts';
export { tdxLaunchDigest } from './tdx-launch.ts';
export * from './vcpu.ts';
export { vmsaPage, type InitialState, type Vmm } from './vmsa.ts';
export {
  maxLoadLogLength,
  mrEnclaveOf,
  readLoadLog,
  type EnclaveLayout,
  type EnclavePage,
} from '../intel/sgx/load-log.ts';
export { verifySigstruct, type Sigstruct } from '../intel/sgx/sigstruct.ts';
export { readEventLog, replayEventLog, type MeasuredEvent } from '../intel/tdx/event-log.ts';
