// SPDX-License-Identifier: Apache-2.0
export { amdAnchors, anchorFromPem, type Anchor } from '../anchors.ts';
export type { Check, Verification, VerifiedEvidence, VerifyOptions } from '../verification.ts';
export { KeyCache } from '../x509/key-cache.ts';
export { verifyAmdEvidence } from './verify.ts';
