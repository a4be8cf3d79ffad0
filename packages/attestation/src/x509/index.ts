// SPDX-License-Identifier: Apache-2.0
export * from './algorithms.ts';
export * from './certificate.ts';
export * from './chain.ts';
export * from './crl.ts';
export * from './extensions.ts';
export * from './issue.ts';
export * from './key-cache.ts';
export * from './name.ts';
export * from './revocation.ts';
export * from './signature.ts';
export * from './signed.ts';
