// SPDX-License-Identifier: Apache-2.0
import { writePem } from '@enarx/attestation/pem';
import type { FirmwareVersion } from '@enarx/attestation/sev';
import { concatBytes } from '@enarx/protocol';

import type { PlatformCertificates } from './certificates.ts';
import { simulatedFirmware } from './firmware-version.ts';
import { startGuest, type SevGuest, type StartOptions } from './guest.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Everything that a platform is made of and that an export holds. */
export interface PlatformMaterial extends PlatformCertificates {
  /** SubjectPublicKeyInfo of the root key. */
  readonly arkKey: Bytes;
  /** Private Diffie-Hellman key, PKCS #8. All other keys are forgotten once they have signed. */
  readonly pdhKey: Bytes;
}

/** What a host gives away of itself, as QMP `query-sev-capabilities` does. */
export interface SevCapabilities {
  /** 2084 bytes. */
  readonly pdh: Uint8Array;
  /** PEK ‖ OCA ‖ CEK. The CEK is without AMD's signature here, as firmware gives it. */
  readonly certificateChain: Uint8Array;
}

/** A SEV platform in software: AMD's formats and arithmetic under a root of its own, and no encrypted memory. */
export interface SimulatedSevPlatform {
  /** The root key, which whoever shall accept this platform must be given by name. */
  readonly anchorPem: string;
  readonly firmware: FirmwareVersion;
  readonly capabilities: SevCapabilities;
  /** What AMD's key server has of a real processor: the signed CEK, then ASK and ARK. */
  readonly endorsements: Uint8Array;
  /** LAUNCH_START. @throws EnarxError `sev-firmware/…` */
  launchStart(options: StartOptions): Promise<SevGuest>;
}

const materials = new WeakMap<SimulatedSevPlatform, PlatformMaterial>();

/** @throws TypeError for a platform that this module did not make */
export function platformMaterialOf(platform: SimulatedSevPlatform): PlatformMaterial {
  const material = materials.get(platform);
  if (material === undefined) throw new TypeError('not a simulated SEV platform');
  return material;
}

/** Puts a platform together. The one key that it needs is imported; certificates are only bytes to it. */
export async function sevPlatformOf(material: PlatformMaterial): Promise<SimulatedSevPlatform> {
  const { pdh, pek, oca, cek, unsignedCek, ask, ark, arkKey, pdhKey } = material;
  const key = await crypto.subtle.importKey('pkcs8', pdhKey, { name: 'ECDH', namedCurve: 'P-384' }, false, [
    'deriveBits',
  ]);
  const platform: SimulatedSevPlatform = {
    anchorPem: writePem('PUBLIC KEY', arkKey),
    firmware: simulatedFirmware,
    capabilities: { pdh, certificateChain: concatBytes(pek, oca, unsignedCek) },
    endorsements: concatBytes(cek, ask, ark),
    launchStart: (options) => startGuest(key, simulatedFirmware, options),
  };
  materials.set(platform, material);
  return platform;
}
