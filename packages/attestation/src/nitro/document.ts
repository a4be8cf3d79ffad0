// SPDX-License-Identifier: Apache-2.0
import { isList, isMap, readCbor, type CborItem, type CborMap } from '../cose/cbor.ts';
import { attestationProblem } from '../problems.ts';

/** Limits of AWS's specification ("Verifying the root of trust", section 2.2.1), where real documents keep them. */
const limits = {
  payload: 16_384,
  certificate: 1024,
  /** Root, region, zone, instance; a limit keeps a hostile host from making us verify many. */
  bundle: 8,
  /** The specification says 512 in one place and 1024 in another. */
  optionalField: 1024,
  moduleId: 256,
} as const;

/** A document's payload as read. Nothing of it is proven. Byte arrays are views of it. */
export interface NitroDocument {
  readonly moduleId: string;
  readonly digest: string;
  readonly timestamp: number;
  /** As they came: numbers and lengths are for a check to judge. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly certificate: Uint8Array;
  /** Root first. */
  readonly bundle: readonly Uint8Array[];
  readonly publicKey: Uint8Array | undefined;
  readonly userData: Uint8Array | undefined;
  readonly nonce: Uint8Array | undefined;
}

const fields = [
  'module_id',
  'digest',
  'timestamp',
  'pcrs',
  'certificate',
  'cabundle',
  'public_key',
  'user_data',
  'nonce',
] as const;
type FieldName = (typeof fields)[number];

/**
 * Reads the payload of a document. A field that is not known may change what the others mean, so it is refused.
 * @throws EnarxError `cose/cbor-malformed`, `nitro/document-malformed`, `nitro/document-unsupported`
 */
export function readNitroDocument(payload: Uint8Array): NitroDocument {
  const map = readCbor(payload, limits.payload);
  if (!isMap(map)) throw malformed('a payload that is no map');
  for (const key of map.keys())
    if (!(fields as readonly (number | bigint | string)[]).includes(key))
      throw attestationProblem('nitro/document-unsupported', {
        found: `the field ${JSON.stringify(String(key).slice(0, 32))}`,
        expected: `only ${fields.join(', ')}`,
      });
  return {
    moduleId: readText(map, 'module_id'),
    digest: readText(map, 'digest'),
    timestamp: readTimestamp(map),
    pcrs: readPcrs(map),
    certificate: readBytes(map.get('certificate'), 'certificate', 1, limits.certificate),
    bundle: readBundle(map),
    publicKey: readOptional(map, 'public_key'),
    userData: readOptional(map, 'user_data'),
    nonce: readOptional(map, 'nonce'),
  };
}

function readText(map: CborMap, name: FieldName): string {
  const value = map.get(name);
  if (typeof value !== 'string' || value === '' || value.length > limits.moduleId)
    throw malformed(`${name} that is no text of 1 to ${String(limits.moduleId)} characters`);
  return value;
}

function readTimestamp(map: CborMap): number {
  const value = map.get('timestamp');
  if (typeof value !== 'number' || value <= 0) throw malformed('timestamp that is no positive integer');
  return value;
}

function readPcrs(map: CborMap): ReadonlyMap<number, Uint8Array> {
  const value = map.get('pcrs');
  if (!isMap(value)) throw malformed('pcrs that is no map');
  const pcrs = new Map<number, Uint8Array>();
  for (const [index, pcr] of value) {
    if (typeof index !== 'number' || !(pcr instanceof Uint8Array))
      throw malformed('pcrs of other things than numbers and byte strings');
    pcrs.set(index, pcr);
  }
  return pcrs;
}

function readBundle(map: CborMap): readonly Uint8Array[] {
  const value = map.get('cabundle');
  if (!isList(value) || value.length === 0 || value.length > limits.bundle)
    throw malformed(`cabundle that is no list of 1 to ${String(limits.bundle)} certificates`);
  return value.map((certificate) => readBytes(certificate, 'cabundle', 1, limits.certificate));
}

/** AWS's text says that no field can be null; its own documents write null for these three when they are absent. */
function readOptional(map: CborMap, name: FieldName): Uint8Array | undefined {
  const value = map.get(name);
  return value === undefined || value === null ? undefined : readBytes(value, name, 0, limits.optionalField);
}

function readBytes(value: CborItem | undefined, name: FieldName, least: number, most: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length < least || value.length > most)
    throw malformed(`${name} that is no byte string of ${String(least)} to ${String(most)} bytes`);
  return value;
}

function malformed(found: string): Error {
  return attestationProblem('nitro/document-malformed', { found });
}
