// SPDX-License-Identifier: Apache-2.0
export { createSimulatedSevPlatform } from './create.ts';
export type { GuestState, SevGuest, StartOptions } from './guest.ts';
export { exportSevPlatform, importSevPlatform } from './platform-file.ts';
export type { SevCapabilities, SimulatedSevPlatform } from './platform.ts';
export * from './problems.ts';
