// SPDX-License-Identifier: Apache-2.0
import type { Check, CheckTable } from '@enarx/attestation';

/** What an owner checks of a launch with a secret, besides the platform. */
export const launchChecks = {
  'launch/policy':
    'The guest policy, which the firmware enforces and measured, forbids debugging, key sharing and migration',
  'launch/firmware': 'The firmware of the platform is recent enough',
  'launch/measurement':
    'The firmware measured the very guest whose digest this client computed, under the keys of this session',
  'launch/key': 'The connection ends in the key that this client made and sealed for that guest',
  'launch/possession': 'The other end signed the report data of this very connection with that key',
} as const satisfies CheckTable;

export function launchCheck(id: keyof typeof launchChecks, good: boolean, detail: string): Check {
  return { id, status: good ? 'pass' : 'fail', detail };
}
