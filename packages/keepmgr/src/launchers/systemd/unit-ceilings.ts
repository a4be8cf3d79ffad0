// SPDX-License-Identifier: Apache-2.0
import type { Ceilings } from '../ceilings.ts';
import type { ServiceProperties } from './service-units.ts';

const mebibyte = 1_048_576;
const microseconds = 1_000_000;
/** Of systemd's `infinity`, UINT64_MAX. */
export const unbounded = 2n ** 64n - 1n;

/** The lower of what a unit says of itself and what the configuration demands. */
export function unitCeilings(properties: ServiceProperties, demanded: Ceilings): Ceilings {
  const lower = (name: string, unit: number, most: number | undefined): number | undefined => {
    const value = properties.get(name);
    if (typeof value !== 'bigint' || value === unbounded) return most;
    return Math.min(Number(value) / unit, most ?? Infinity);
  };
  return {
    memory: lower('MemoryMax', mebibyte, demanded.memory),
    processors: lower('CPUQuotaPerSecUSec', microseconds, demanded.processors),
    tasks: lower('TasksMax', 1, demanded.tasks),
  };
}
