// SPDX-License-Identifier: Apache-2.0
export { serveGuest, type GuestOptions } from './guest.ts';
export { wasmldrProblems, type WasmldrProblemCode } from './problems.ts';
