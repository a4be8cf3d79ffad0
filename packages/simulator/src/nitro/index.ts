// SPDX-License-Identifier: Apache-2.0
export { createSimulatedNitroHypervisor } from './create.ts';
export { exportNitroHypervisor, importNitroHypervisor } from './hypervisor-file.ts';
export type { DocumentRequest, SimulatedEnclave, SimulatedNitroHypervisor } from './hypervisor.ts';
export * from './problems.ts';
