// SPDX-License-Identifier: Apache-2.0
export * from './algorithms.ts';
export * from './cbor.ts';
export * from './sign1.ts';
