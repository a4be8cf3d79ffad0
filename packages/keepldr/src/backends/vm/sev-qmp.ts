// SPDX-License-Identifier: Apache-2.0
//
// What QEMU answers about SEV (qapi/misc-target.json). It is looked at before it is used: QEMU runs confined, and its guest may have taken it over.
import type { SevMeasurement } from '@enarx/protocol';

import { keepldrProblem } from '../../problems.ts';
import type { Qmp } from './qmp.ts';

export interface SevCapabilities {
  /** 2084 bytes. */
  readonly pdh: Uint8Array;
  /** PEK, OCA and CEK, 2084 bytes each. */
  readonly chain: Uint8Array;
  readonly cbitpos: number;
  readonly reducedPhysBits: number;
}

const certificateLength = 2084;

/** @throws EnarxError `keepldr/qemu-failed` */
export function readCapabilities(answer: unknown): SevCapabilities {
  const { pdh, 'cert-chain': chain, cbitpos, 'reduced-phys-bits': reduced } = entriesOf(answer);
  return {
    pdh: base64(pdh, certificateLength, 'pdh'),
    chain: base64(chain, 3 * certificateLength, 'cert-chain'),
    cbitpos: numberUpTo(cbitpos, 63, 'cbitpos'),
    reducedPhysBits: numberUpTo(reduced, 63, 'reduced-phys-bits'),
  };
}

/** The measurement of a guest that was loaded and has not run, and the firmware's version. @throws EnarxError `keepldr/qemu-failed` */
export async function launchMeasurementOf(qmp: Pick<Qmp, 'execute'>): Promise<SevMeasurement> {
  const { data } = entriesOf(await qmp.execute('query-sev-launch-measure'));
  const info = entriesOf(await qmp.execute('query-sev'));
  return {
    measurement: base64(data, 48, 'data'),
    firmware: {
      major: numberUpTo(info['api-major'], 255, 'api-major'),
      minor: numberUpTo(info['api-minor'], 255, 'api-minor'),
      build: numberUpTo(info['build-id'], 255, 'build-id'),
    },
  };
}

function entriesOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  throw unfit(typeof value, 'an object');
}

function numberUpTo(value: unknown, most: number, name: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw unfit(`${name} ${String(value)}`, `0 to ${String(most)}`);
}

function base64(value: unknown, length: number, name: string): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
  if (bytes.length === length) return bytes;
  throw unfit(`${name} of ${String(bytes.length)} bytes`, `${String(length)} bytes in base64`);
}

function unfit(found: string, expected: string): Error {
  return keepldrProblem('keepldr/qemu-failed', { found: found.slice(0, 100), expected });
}
