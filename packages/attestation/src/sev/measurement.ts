// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import type { ApiVersion } from './certificate.ts';
import { u32 } from './key-derivation.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Version of a platform's SEV firmware, as QMP `query-sev` has it. */
export interface FirmwareVersion {
  readonly api: ApiVersion;
  /** `build-id`. */
  readonly build: number;
}

/** What a launch measurement authenticates. */
export interface LaunchToMeasure {
  readonly firmware: FirmwareVersion;
  readonly policy: number;
  /** 32 bytes. */
  readonly launchDigest: Uint8Array;
  /** 16 bytes, from the firmware. */
  readonly nonce: Uint8Array;
}

/** The answer to LAUNCH_MEASURE: 32 bytes of HMAC-SHA256 with the TIK, then the nonce. */
export const measurementLength = 48;
export const measureLength = 32;

/** Bytes under the HMAC of LAUNCH_MEASURE (SEV API specification, section 6.5). */
export function measuredBytes({ firmware, policy, launchDigest, nonce }: LaunchToMeasure): Bytes {
  const { api, build } = firmware;
  return concatBytes(Uint8Array.of(0x04, api.major, api.minor, build), u32(policy), launchDigest, nonce);
}
