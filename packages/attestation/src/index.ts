// SPDX-License-Identifier: Apache-2.0
export { binaryOf } from './amd/verify.ts';
export * from './anchors.ts';
export * from './appraise/index.ts';
export * from './attest.ts';
export * from './azure/runtime-data.ts';
export { verifyChecks } from './check-table.ts';
export * from './nitro/claims.ts';
export type { IntelClaims, IntelCollateralClaims, SgxClaims, TdxClaims } from './intel/claims.ts';
export type { Platform as IntelPlatform } from './intel/pck.ts';
export type { TcbEvaluation } from './intel/tcb-level.ts';
export { tcbStatuses, type TcbStatus } from './intel/tcb-status.ts';
export * from './pem.ts';
export * from './policy/index.ts';
export * from './problems.ts';
export * from './snp/claims.ts';
export * from './snp/product.ts';
export * from './snp/report.ts';
export * from './snp/tcb.ts';
export {
  type Check,
  type CheckStatus,
  type CheckTable,
  type Claims,
  type EvidenceFormat,
  type Unreadable,
  type Verification,
  type VerifiedEvidence,
  type VerifyOptions,
} from './verification.ts';
export { verifyEvidence } from './verify.ts';
export { KeyCache } from './x509/key-cache.ts';
export type { Revocation } from './x509/revocation.ts';
