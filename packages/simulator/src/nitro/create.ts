// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { generateKey, issueNitroCertificate } from './certificates.ts';
import { hypervisorOf, instanceName, type SimulatedNitroHypervisor } from './hypervisor.ts';

/** 2025-01-01T00:00:00Z. */
const defaultStart = 1_735_689_600_000;
/** AWS's root has 30 years, what is below it weeks and days. A simulated one cannot be fetched anew, so all have as many as the root. */
const lifetime = 25 * 365.25 * 86_400_000;

/**
 * Makes a hypervisor that has never been before: keys and certificates of a root, a region, a zone and an instance.
 * @param options.from - start of all certificates' 25 years, in milliseconds since 1970; a fixed date unless given
 */
export async function createSimulatedNitroHypervisor(
  options: { readonly from?: number } = {},
): Promise<SimulatedNitroHypervisor> {
  const notBefore = options.from ?? defaultStart;
  const dates = { notBefore, notAfter: notBefore + lifetime };
  const instanceId = `i-0${toHex(crypto.getRandomValues(new Uint8Array(8)))}`;
  const root = { commonName: 'simulated.nitro-enclaves', ...(await generateKey()) };
  const region = { commonName: 'region.simulated.aws.nitro-enclaves', ...(await generateKey()) };
  const zone = { commonName: 'zonal.simulated.aws.nitro-enclaves', ...(await generateKey()) };
  const instance = { commonName: instanceName(instanceId), ...(await generateKey()) };
  const certify = (
    serial: number,
    { commonName, publicKey }: typeof root,
    issuer: typeof root,
    authoritiesBelow: number | 'any',
  ): Promise<Uint8Array<ArrayBuffer>> =>
    issueNitroCertificate(
      { serial, commonName, publicKey, authoritiesBelow, ...dates },
      { commonName: issuer.commonName, key: issuer.privateKey },
    );
  return hypervisorOf({
    root: await certify(1, root, root, 'any'),
    region: await certify(2, region, root, 2),
    zone: await certify(3, zone, region, 1),
    instance: await certify(4, instance, zone, 0),
    instanceId: new TextEncoder().encode(instanceId),
    instanceKey: new Uint8Array(await crypto.subtle.exportKey('pkcs8', instance.privateKey)),
  });
}
