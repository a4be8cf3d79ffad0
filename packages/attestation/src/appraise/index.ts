// SPDX-License-Identifier: Apache-2.0
export { appraise } from './appraise.ts';
export type { Expected } from './report-data.ts';
