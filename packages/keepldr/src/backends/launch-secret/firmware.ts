// SPDX-License-Identifier: Apache-2.0
import type { SevMeasurement, SevSecret, SevStart } from '@enarx/protocol';

/** The firmware's part in a launch with a secret, for one guest. Each is called once, in this order. */
export interface LaunchFirmware {
  /** Certificates of the platform, binary. */
  certificates(): Promise<Uint8Array[]>;
  /** LAUNCH_START, LAUNCH_UPDATE and LAUNCH_MEASURE: loads the guest for this owner, and measures it. */
  start(start: SevStart): Promise<SevMeasurement>;
  /** LAUNCH_SECRET and LAUNCH_FINISH. From here on the guest runs. */
  inject(secret: SevSecret): Promise<void>;
}
