// SPDX-License-Identifier: Apache-2.0
export * from './reader.ts';
export * from './tags.ts';
export * from './values.ts';
export * from './writer.ts';
