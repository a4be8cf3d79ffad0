// SPDX-License-Identifier: Apache-2.0
import { attestationProblem } from '../problems.ts';
import type { ApiVersion } from './certificate.ts';

/**
 * What a host may do to a guest. Everything is refused unless it is listed:
 *
 * - `debug`: the host may read and write the guest's memory through the firmware.
 * - `key-sharing`: another guest may be given this guest's memory key.
 * - `send`: the guest may be migrated to another platform.
 * - `other-owners`: it may be migrated to a platform of another owner.
 * - `other-platforms`: it may be migrated to a platform without SEV.
 */
export type Allowance = 'debug' | 'key-sharing' | 'send' | 'other-owners' | 'other-platforms';

/** Policy of a SEV guest, which the firmware enforces and the launch measurement covers (SEV API specification, section 2.1). */
export interface GuestPolicy {
  /** SEV-ES: the guest's registers are encrypted too. */
  readonly encryptedState: boolean;
  readonly allow: readonly Allowance[];
  /** Least SEV API version of the platform. */
  readonly minimumApi: ApiVersion;
}

const encryptedStateBit = 1 << 2;
/** A set bit forbids. NODBG, NOKS, NOSEND, DOMAIN, SEV. */
const forbiddingBits: Readonly<Record<Allowance, number>> = {
  debug: 1 << 0,
  'key-sharing': 1 << 1,
  send: 1 << 3,
  'other-owners': 1 << 4,
  'other-platforms': 1 << 5,
};
const allowances = Object.keys(forbiddingBits) as Allowance[];

/** The 32 bits of a policy. @throws EnarxError `sev/policy-invalid` */
export function encodeGuestPolicy({ encryptedState, allow, minimumApi }: GuestPolicy): number {
  const { major, minor } = minimumApi;
  if (![major, minor].every(isByte))
    throw attestationProblem('sev/policy-invalid', { found: `version ${String(major)}.${String(minor)}` });
  const forbidden = allowances
    .filter((allowance) => !allow.includes(allowance))
    .reduce((bits, allowance) => bits | forbiddingBits[allowance], 0);
  return (forbidden | (encryptedState ? encryptedStateBit : 0) | (major << 16) | (minor << 24)) >>> 0;
}

/** What 32 bits say. Reserved bits are passed over: the firmware refuses them. */
export function decodeGuestPolicy(bits: number): GuestPolicy {
  return {
    encryptedState: (bits & encryptedStateBit) !== 0,
    allow: allowances.filter((allowance) => (bits & forbiddingBits[allowance]) === 0),
    minimumApi: { major: (bits >>> 16) & 0xff, minor: bits >>> 24 },
  };
}

export function isByte(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xff;
}

/** Whether one version is before another. */
export function isOlder(a: ApiVersion, b: ApiVersion): boolean {
  return a.major < b.major || (a.major === b.major && a.minor < b.minor);
}
