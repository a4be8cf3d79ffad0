// SPDX-License-Identifier: Apache-2.0
export { runDaemon, type DaemonOptions } from './daemon.ts';
export { startKeepmgr, type Keepmgr, type KeepmgrOptions } from './keepmgr.ts';
export type { LaunchedLoader, Launcher, LoaderWanted } from './launchers/launcher.ts';
export { defaultLimits, type Limits } from './limits.ts';
export { keepmgrProblems, type KeepmgrProblemCode } from './problems.ts';
export type { ProcessorFiles, SimulatedAnchor } from './simulated-processor.ts';
