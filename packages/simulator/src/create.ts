// SPDX-License-Identifier: Apache-2.0
import { issueCertificates } from './certificates.ts';
import { chip, chipIdLength } from './chip.ts';
import { processorOf, type SimulatedProcessor } from './processor.ts';

/** 2025-01-01T00:00:00Z. */
const defaultStart = 1_735_689_600_000;

/**
 * Makes a processor that has never been before: root, intermediate and chip keys of AMD's kinds and sizes, and the three
 * certificates. Takes seconds, for the two RSA keys of 4096 bits. Keys and chip id come from WebCrypto.
 *
 * @param options.from - start of all three certificates' 25 years, in milliseconds since 1970. A fixed date unless given: a
 * processor has no clock, and a host whose clock is wrong shall not make one that nobody can use.
 */
export async function createSimulatedProcessor(
  options: { readonly from?: number } = {},
): Promise<SimulatedProcessor> {
  const [ark, ask, vcek] = await Promise.all([
    generateRsaKey(),
    generateRsaKey(),
    crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']),
  ]);
  const [vcekPublicKey, vcekKey] = await Promise.all([
    crypto.subtle.exportKey('spki', vcek.publicKey),
    crypto.subtle.exportKey('pkcs8', vcek.privateKey),
  ]);
  const chipId = crypto.getRandomValues(new Uint8Array(chipIdLength));
  const certificates = await issueCertificates({
    ark,
    ask,
    vcekPublicKey: new Uint8Array(vcekPublicKey),
    chipId,
    tcb: chip.tcb,
    from: options.from ?? defaultStart,
  });
  return processorOf({ ...certificates, chipId, vcekKey: new Uint8Array(vcekKey) });
}

function generateRsaKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(
    {
      name: 'RSA-PSS',
      modulusLength: 4096,
      publicExponent: Uint8Array.of(1, 0, 1),
      hash: 'SHA-384',
    },
    true,
    ['sign', 'verify'],
  );
}
