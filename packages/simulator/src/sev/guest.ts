// SPDX-License-Identifier: Apache-2.0
import { sevDigest } from '@enarx/attestation/measure';
import {
  aesCtr,
  agreeOnSecret,
  authenticatedBytes,
  decodeGuestPolicy,
  deriveSessionKeys,
  hmacSha256Of,
  importAesCtrKey,
  importHmacKey,
  isOlder,
  maxSecretLength,
  measuredBytes,
  packetHeaderLength,
  packetLayout,
  readSevCertificate,
  sessionLayout,
  sessionLength,
  u32,
  type FirmwareVersion,
  type PacketKeys,
  type SecretPacket,
} from '@enarx/attestation/sev';
import { concatBytes } from '@enarx/protocol';

import { sevFirmwareProblem } from './problems.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What LAUNCH_START takes. */
export interface StartOptions {
  readonly policy: number;
  /** The owner's certificate, 2084 bytes. */
  readonly certificate: Uint8Array;
  /** Session parameters, 128 bytes. */
  readonly parameters: Uint8Array;
}

/** QEMU's words for where a guest is in its launch. */
export type GuestState = 'launch-update' | 'launch-secret' | 'running';

/** One guest on a simulated platform. Commands that do not fit its state are refused. */
export interface SevGuest {
  readonly state: GuestState;
  readonly policy: number;
  /** LAUNCH_UPDATE_DATA: memory of the guest in whole blocks of 16 bytes. @throws EnarxError `sev-firmware/…` */
  updateData(memory: Uint8Array): void;
  /** LAUNCH_UPDATE_VMSA, under a policy with SEV-ES only: a processor's registers, 4096 bytes. @throws EnarxError `sev-firmware/…` */
  updateRegisters(page: Uint8Array): void;
  /** LAUNCH_MEASURE: 32 bytes of HMAC, then 16 of nonce. From here on only secrets may come. @throws EnarxError `sev-firmware/guest-state` */
  measure(): Promise<Bytes>;
  /** LAUNCH_SECRET: what the guest finds in its memory. @throws EnarxError `sev-firmware/…` */
  injectSecret(packet: SecretPacket): Promise<Bytes>;
  /** LAUNCH_FINISH. @throws EnarxError `sev-firmware/guest-state` */
  finish(): void;
}

/** Bits 6 to 15. */
const reservedPolicyBits = 0xffc0;

/** Begins a guest with the keys that its owner wrapped for this platform. @param pdhKey - private, of the platform */
export async function startGuest(
  pdhKey: CryptoKey,
  firmware: FirmwareVersion,
  options: StartOptions,
): Promise<SevGuest> {
  const { policy } = options;
  const { minimumApi, encryptedState } = decodeGuestPolicy(policy);
  if ((policy & reservedPolicyBits) !== 0 || isOlder(firmware.api, minimumApi))
    throw sevFirmwareProblem('sev-firmware/policy', { found: `0x${policy.toString(16)}` });
  const keys = await unwrapKeys(await agree(pdhKey, options.certificate), options.parameters, policy);

  const data: Uint8Array[] = [];
  const registers: Uint8Array[] = [];
  let state: GuestState = 'launch-update';
  let measured: Bytes | undefined;
  const demand = (...states: GuestState[]): void => {
    if (!states.includes(state))
      throw sevFirmwareProblem('sev-firmware/guest-state', { found: state, expected: states.join(' or ') });
  };
  return {
    get state() {
      return state;
    },
    policy,
    updateData: (memory) => {
      demand('launch-update');
      if (memory.length === 0 || memory.length % 16 !== 0) throw badLength(memory);
      // A copy: what is measured later is what was loaded now.
      data.push(Uint8Array.from(memory));
    },
    updateRegisters: (page) => {
      demand('launch-update');
      if (!encryptedState)
        throw sevFirmwareProblem('sev-firmware/policy', { found: 'a policy without SEV-ES' });
      if (page.length !== 4096) throw badLength(page);
      registers.push(Uint8Array.from(page));
    },
    measure: async () => {
      demand('launch-update');
      state = 'launch-secret';
      const nonce = crypto.getRandomValues(new Uint8Array(16));
      const launchDigest = await sevDigest({ data, registers });
      measured = await hmacSha256Of(keys.integrity, measuredBytes({ firmware, policy, launchDigest, nonce }));
      return concatBytes(measured, nonce);
    },
    injectSecret: async (packet) => {
      demand('launch-secret');
      return openPacket(keys, packet, measured);
    },
    finish: () => {
      demand('launch-secret');
      state = 'running';
    },
  };
}

async function agree(pdhKey: CryptoKey, certificate: Uint8Array): Promise<Bytes> {
  try {
    const { usage, algorithm, point } = readSevCertificate(certificate);
    if (usage !== 'PDH' || algorithm.scheme !== 'ECDH')
      throw new TypeError(`${usage} for ${algorithm.scheme}`);
    const owner = await crypto.subtle.importKey(
      'raw',
      point,
      { name: 'ECDH', namedCurve: 'P-384' },
      false,
      [],
    );
    return await agreeOnSecret(pdhKey, owner);
  } catch (cause) {
    throw sevFirmwareProblem('sev-firmware/certificate', { found: (cause as Error).message, cause });
  }
}

/** The reverse of what the owner did: authenticate, then decrypt, then see whether the keys go with this policy. */
async function unwrapKeys(sharedSecret: Bytes, parameters: Uint8Array, policy: number): Promise<PacketKeys> {
  if (parameters.length !== sessionLength) throw badLength(parameters);
  const part = (name: keyof typeof sessionLayout): Bytes =>
    Uint8Array.from(parameters.subarray(...sessionLayout[name]));
  const { encryption, integrity } = await deriveSessionKeys(sharedSecret, part('nonce'));
  if (!(await crypto.subtle.verify('HMAC', integrity, part('wrapMac'), part('wrappedKeys'))))
    throw sevFirmwareProblem('sev-firmware/session', {
      found: 'keys wrapped for another platform or certificate',
    });
  const keys = await aesCtr(encryption, part('iv'), part('wrappedKeys'));
  const [tek, tik] = [keys.slice(0, 16), keys.slice(16)];
  const packetKeys = {
    encryption: await importAesCtrKey(tek, ['encrypt', 'decrypt']),
    integrity: await importHmacKey(tik, ['sign', 'verify']),
  };
  if (!(await crypto.subtle.verify('HMAC', packetKeys.integrity, part('policyMac'), u32(policy))))
    throw sevFirmwareProblem('sev-firmware/session', { found: `the policy 0x${policy.toString(16)}` });
  return packetKeys;
}

async function openPacket(
  keys: PacketKeys,
  { header, payload }: SecretPacket,
  measure: Bytes | undefined,
): Promise<Bytes> {
  if (header.length !== packetHeaderLength) throw badLength(header);
  if (payload.length === 0 || payload.length % 16 !== 0 || payload.length > maxSecretLength)
    throw badLength(payload);
  // LAUNCH_MEASURE has not answered yet, so nobody can have sealed anything for it.
  if (measure === undefined) throw sevFirmwareProblem('sev-firmware/guest-state', { found: 'measuring' });
  const part = (name: keyof typeof packetLayout): Bytes =>
    Uint8Array.from(header.subarray(...packetLayout[name]));
  const flags = new DataView(part('flags').buffer).getUint32(0, true);
  const [iv, mac] = [part('iv'), part('mac')];
  if (
    flags !== 0 ||
    !(await crypto.subtle.verify(
      'HMAC',
      keys.integrity,
      mac,
      authenticatedBytes(flags, iv, payload, measure),
    ))
  )
    throw sevFirmwareProblem('sev-firmware/secret');
  return aesCtr(keys.encryption, iv, payload);
}

function badLength({ length }: Uint8Array): Error {
  return sevFirmwareProblem('sev-firmware/length', { found: `${String(length)} bytes` });
}
