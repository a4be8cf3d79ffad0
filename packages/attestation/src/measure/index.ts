// SPDX-License-Identifier: Apache-2.0
export * from './loader.ts';
export * from './snp-pages.ts';
