// SPDX-License-Identifier: Apache-2.0
import type { FirmwareVersion } from '@enarx/attestation/sev';

/** What every simulated platform runs: the version of a Milan platform of 2025. */
export const simulatedFirmware: FirmwareVersion = { api: { major: 1, minor: 55 }, build: 29 };
