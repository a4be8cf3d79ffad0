// SPDX-License-Identifier: Apache-2.0
export * from './algorithms.ts';
export * from './certificate.ts';
export * from './extensions.ts';
export * from './issue.ts';
export * from './key-cache.ts';
export * from './name.ts';
