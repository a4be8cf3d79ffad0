// SPDX-License-Identifier: Apache-2.0
import { issuePlatformCertificates } from './certificates.ts';
import { sevPlatformOf, type SimulatedSevPlatform } from './platform.ts';

/**
 * Makes a SEV platform that has never been before. Takes seconds, for the two RSA keys of AMD's part.
 *
 * @param options.generation - `naples` has RSA keys of 2048 bits, made in a tenth of the time; every later one has 4096
 */
export async function createSimulatedSevPlatform(
  options: { readonly generation?: 'naples' | 'milan' } = {},
): Promise<SimulatedSevPlatform> {
  const { generation = 'milan' } = options;
  const [ark, ask, cek, oca, pek, pdh] = await Promise.all([
    generateRsaKey(generation),
    generateRsaKey(generation),
    generateSigningKey(),
    generateSigningKey(),
    generateSigningKey(),
    crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-384' }, true, ['deriveBits']),
  ]);
  const [certificates, arkKey, pdhKey] = await Promise.all([
    issuePlatformCertificates({ ark, ask, cek, oca, pek, pdh }),
    crypto.subtle.exportKey('spki', ark.publicKey),
    crypto.subtle.exportKey('pkcs8', pdh.privateKey),
  ]);
  return sevPlatformOf({
    ...certificates,
    arkKey: new Uint8Array(arkKey),
    pdhKey: new Uint8Array(pdhKey),
  });
}

function generateRsaKey(generation: 'naples' | 'milan'): Promise<CryptoKeyPair> {
  const naples = generation === 'naples';
  return crypto.subtle.generateKey(
    {
      name: 'RSA-PSS',
      modulusLength: naples ? 2048 : 4096,
      publicExponent: Uint8Array.of(1, 0, 1),
      hash: naples ? 'SHA-256' : 'SHA-384',
    },
    true,
    ['sign', 'verify'],
  );
}

function generateSigningKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']);
}
