// SPDX-License-Identifier: Apache-2.0
export { appraise, type Expected } from './appraise.ts';
