// SPDX-License-Identifier: Apache-2.0
export type { SgxReportFields } from '../sgx/report.ts';
export type { TdReportFields, TdReportVersion } from '../tdx/report.ts';
export { certify, createAuthority, intelName, signP256, uses, type Authority } from './authority.ts';
export { chip as simulatedIntelChip } from './chip.ts';
export { signDocument, type JsonDocument } from './documents.ts';
export {
  createIntelKeys,
  issueMaterial,
  type IntelKeys,
  type IntelMaterial,
  type UnwantedMaterial,
} from './material.ts';
export { pckExtension, type PlatformFields } from './pck-extension.ts';
export { exportIntelPlatform, importIntelPlatform } from './platform-file.ts';
export {
  createSimulatedIntelPlatform,
  intelPlatformOf,
  type SimulatedIntelPlatform,
  type SimulatedTee,
  type UnwantedQuote,
} from './platform.ts';
export { intelPlatformProblems } from './problems.ts';
export { issueRevocationList } from './revocation-list.ts';
