// SPDX-License-Identifier: Apache-2.0
export { explainPolicy, type ExplainedField } from './explain.ts';
export { recommendedMinimumTcb, type MinimumTcbRow } from './minimum-tcb-table.ts';
export { parsePolicy } from './parse.ts';
export { releasePolicy, type Policy, type PolicyAnchors } from './policy.ts';
export { policyTees, type PolicyTee } from './sections.ts';
export { policyTemplate } from './template.ts';
