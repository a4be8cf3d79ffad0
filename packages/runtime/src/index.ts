// SPDX-License-Identifier: Apache-2.0
export type { OutputConsumer, OutputName } from './output-queue.ts';
export type { PackageEntry } from './package-sender.ts';
export { runtimeProblems, type RuntimeProblemCode } from './problems.ts';
export { startRunner, Runner, type RunnerOptions } from './runner.ts';
export { Run } from './run.ts';
export type { Workload } from './workload.ts';
export { isSocket, type Network } from './sockets.ts';
export { defaultMemory, type Shape } from './runner-flags.ts';
export type { DialRefusal, File } from './runner-frames.ts';
