// SPDX-License-Identifier: Apache-2.0
import { issueCaCertificate, issueSevCertificate, type SevUsage } from '@enarx/attestation/sev';

import { simulatedFirmware } from './firmware-version.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A platform's certificates in AMD's binary form. */
export interface PlatformCertificates {
  readonly pdh: Bytes;
  readonly pek: Bytes;
  readonly oca: Bytes;
  /** With the signature of the ASK. */
  readonly cek: Bytes;
  /** As the firmware gives it. */
  readonly unsignedCek: Bytes;
  readonly ask: Bytes;
  readonly ark: Bytes;
}

/** Keys of a platform and of who made it. */
export interface PlatformKeys {
  /** RSA-PSS, both of one size and hash. */
  readonly ark: CryptoKeyPair;
  readonly ask: CryptoKeyPair;
  /** ECDSA on P-384. */
  readonly cek: CryptoKeyPair;
  readonly oca: CryptoKeyPair;
  readonly pek: CryptoKeyPair;
  /** ECDH on P-384. */
  readonly pdh: CryptoKeyPair;
}

/** Every real CEK has this version, whatever that of the firmware. */
const cekApi = { major: 0, minor: 14 } as const;

/** The chain PDH ← PEK ← OCA and CEK, CEK ← ASK ← ARK. Key ids are random, as AMD's are. */
export async function issuePlatformCertificates(keys: PlatformKeys): Promise<PlatformCertificates> {
  const [arkId, askId] = [0, 1].map(() => crypto.getRandomValues(new Uint8Array(16))) as [Bytes, Bytes];
  const certificate = async (
    usage: SevUsage,
    key: CryptoKey,
    signers: Parameters<typeof issueSevCertificate>[1],
    api = simulatedFirmware.api,
  ): Promise<Bytes> => {
    const point = new Uint8Array(await crypto.subtle.exportKey('raw', key));
    return issueSevCertificate({ usage, api, point }, signers);
  };
  const signer = {
    ask: { usage: 'ASK', key: keys.ask.privateKey },
    cek: { usage: 'CEK', key: keys.cek.privateKey },
    oca: { usage: 'OCA', key: keys.oca.privateKey },
    pek: { usage: 'PEK', key: keys.pek.privateKey },
  } as const;
  return {
    pdh: await certificate('PDH', keys.pdh.publicKey, [signer.pek]),
    pek: await certificate('PEK', keys.pek.publicKey, [signer.oca, signer.cek]),
    oca: await certificate('OCA', keys.oca.publicKey, [signer.oca]),
    cek: await certificate('CEK', keys.cek.publicKey, [signer.ask], cekApi),
    unsignedCek: await certificate('CEK', keys.cek.publicKey, [], cekApi),
    ask: await issueCaCertificate(
      { usage: 'ASK', keyId: askId, issuerId: arkId, publicKey: keys.ask.publicKey },
      keys.ark.privateKey,
    ),
    ark: await issueCaCertificate(
      { usage: 'ARK', keyId: arkId, issuerId: arkId, publicKey: keys.ark.publicKey },
      keys.ark.privateKey,
    ),
  };
}
