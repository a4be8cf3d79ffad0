// SPDX-License-Identifier: Apache-2.0
export * from './algorithms.ts';
export * from './ca-certificate.ts';
export * from './certificate.ts';
export * from './claims.ts';
export * from './ecc.ts';
export * from './issue.ts';
export * from './key-derivation.ts';
export * from './measurement.ts';
export * from './owner.ts';
export * from './platform-chain.ts';
export * from './policy.ts';
export * from './secret-packet.ts';
export * from './secret-table.ts';
export * from './session.ts';
export * from './verify.ts';
