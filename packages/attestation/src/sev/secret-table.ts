// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import { decodeGuid, encodeGuid, guidLength } from '../measure/guid.ts';
import { attestationProblem } from '../problems.ts';
import { u32 } from './key-derivation.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** One secret; the guest finds it by its GUID (Linux: `/sys/kernel/security/secrets/coco/GUID`). */
export interface LaunchSecret {
  /** Of the application's choice, lower case. */
  readonly guid: string;
  readonly data: Uint8Array;
}

/** The firmware takes no more in one packet. */
export const maxSecretLength = 16_384;

const tableGuid = '1e74f542-71dd-4d66-963e-ef4287ff173b';
/** GUID and length, before table and entry alike. */
const headLength = guidLength + 4;
/** AES works on whole blocks in the firmware. */
const blockLength = 16;
/** What Linux exposes at most (drivers/virt/coco/efi_secret). */
const maxSecrets = 64;

/**
 * The table that OVMF hands to the guest (edk2 OvmfPkg/AmdSev/SecretPei, Linux Documentation/security/secrets/coco.rst),
 * filled up with zeros to whole blocks of 16 bytes.
 *
 * @param areaSize - bytes that the firmware keeps free for it: `secretArea` of its layout
 * @throws EnarxError `sev/secret-invalid`
 */
export function encodeSecretTable(secrets: readonly LaunchSecret[], areaSize: number): Bytes {
  if (secrets.length === 0 || secrets.length > maxSecrets) throw invalid(`${String(secrets.length)} secrets`);
  const guids = new Set<string>();
  const entries = secrets.map(({ guid, data }) => {
    const encoded = encodeGuid(guid);
    if (encoded === undefined) throw invalid(`the GUID ${guid.slice(0, 40)}`);
    // The guest would see one of the two, and which is chance.
    if (guids.has(guid.toLowerCase())) throw invalid(`two secrets ${guid}`);
    guids.add(guid.toLowerCase());
    return concatBytes(encoded, u32(headLength + data.length), data);
  });
  const length = headLength + entries.reduce((sum, entry) => sum + entry.length, 0);
  const padded = Math.ceil(length / blockLength) * blockLength;
  const most = Math.min(maxSecretLength, areaSize);
  if (padded > most) throw invalid(`${String(padded)} bytes`, `at most ${String(most)}`);
  const table = new Uint8Array(padded);
  table.set(concatBytes(encodeGuid(tableGuid) as Bytes, u32(length), ...entries));
  return table;
}

/**
 * What the guest finds in the area. Strict: the table is as long as it says, its entries fill it, and no GUID comes twice.
 * @throws EnarxError `sev/secret-malformed`
 */
export function decodeSecretTable(area: Uint8Array): LaunchSecret[] {
  if (area.length < headLength || decodeGuid(area.subarray(0, guidLength)) !== tableGuid)
    throw malformed('no table of secrets');
  const length = lengthAt(area, 0);
  if (length < headLength || length > area.length)
    throw malformed(`a table of ${String(length)} bytes in ${String(area.length)}`);
  const secrets: LaunchSecret[] = [];
  for (let at = headLength; at < length;) {
    if (length - at < headLength) throw malformed('an entry that is cut off');
    const size = lengthAt(area, at);
    if (size < headLength || size > length - at) throw malformed(`an entry of ${String(size)} bytes`);
    const guid = decodeGuid(area.subarray(at, at + guidLength));
    if (secrets.some((secret) => secret.guid === guid)) throw malformed(`two secrets ${guid}`);
    if (secrets.length === maxSecrets) throw malformed('more than 64 secrets');
    secrets.push({ guid, data: Uint8Array.from(area.subarray(at + headLength, at + size)) });
    at += size;
  }
  return secrets;
}

function lengthAt(area: Uint8Array, at: number): number {
  return new DataView(area.buffer, area.byteOffset).getUint32(at + guidLength, true);
}

function invalid(found: string, expected?: string): Error {
  return attestationProblem('sev/secret-invalid', { found, expected });
}

function malformed(found: string): Error {
  return attestationProblem('sev/secret-malformed', { found });
}
