// SPDX-License-Identifier: Apache-2.0
import { reasonOf } from '../checks.ts';
import { DerReader } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readEndorsement } from '../endorsements.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { RevocationList } from '../x509/crl.ts';
import type { KeyCache } from '../x509/key-cache.ts';
import { readCollateralStructure } from './collateral-structure.ts';
import { documentNames, readSignedDocument, signedDocument, type SignedDocument } from './documents.ts';
import { readJson, type JsonObject } from './json.ts';
import { list, malformed, objectOf, octets, text as textMember } from './json-values.ts';
import { readOpenEnclaveEndorsements } from './open-enclave.ts';
import { looksLikeEventLog } from './tdx/event-log.ts';
import { looksLikeGuestEvents } from './tdx/guest-events.ts';

/** What Intel says of platforms, out of whatever it came in. Nothing is proven, not even that it belongs together. */
export interface Collateral {
  readonly certificates: readonly Certificate[];
  readonly revocationLists: readonly RevocationList[];
  readonly documents: readonly SignedDocument[];
  /** Not Intel’s: logs of what guests measured, which may come the same way. */
  readonly eventLogs: readonly Uint8Array[];
  /** Sentences on what could not be read; each fails a check. */
  readonly unreadable: readonly string[];
}

/** What one file held. */
type Reading = Omit<Collateral, 'unreadable'>;

/**
 * Reads collateral in any form and order, each told by content:
 *
 * - certificates and lists as `readEndorsements` takes them: PEM, DER, hex, base64;
 * - issuer chains as the headers of Intel’s service carry them, percent-encoded, with or without the header’s name;
 * - `{"tcbInfo", "signature"}` and `{"enclaveIdentity", "signature"}` as that service answers;
 * - the JSON bundles of collateral caches, which hold all of these as strings, with names in snake or camel case, and of MigTD, which
 *   have a list of platforms on top;
 * - Open Enclave’s endorsements, and the structure in which Intel’s quote providers hand collateral over;
 * - event logs of guests: CCEL, and the JSON of dstack’s.
 */
export function readCollateral(files: readonly Uint8Array[], keys: KeyCache): Collateral {
  const found = { certificates: [], revocationLists: [], documents: [], eventLogs: [], unreadable: [] } as {
    -readonly [K in keyof Collateral]: Collateral[K][number][];
  };
  files.forEach((file, index) => {
    try {
      const reading = readOnce(file, keys);
      found.certificates.push(...reading.certificates);
      found.revocationLists.push(...reading.revocationLists);
      found.documents.push(...reading.documents);
      found.eventLogs.push(...reading.eventLogs);
    } catch (error) {
      found.unreadable.push(`endorsement ${String(index + 1)}: ${reasonOf(error)}`);
    }
  });
  return found;
}

/** Readings with the whole file, per cache: the same collateral serves for many quotes. Least recently used first. */
const readings = new WeakMap<KeyCache, { readonly file: Uint8Array; readonly reading: Reading }[]>();
const mostReadings = 64;
const longestRemembered = 131_072;

function readOnce(file: Uint8Array, keys: KeyCache): Reading {
  if (file.length > longestRemembered) return readFile(file);
  let known = readings.get(keys);
  if (known === undefined) readings.set(keys, (known = []));
  const index = known.findIndex((one) => sameBytes(one.file, file));
  const entry = index < 0 ? { file, reading: readFile(file) } : known.splice(index, 1)[0];
  known.push(entry as NonNullable<typeof entry>);
  if (known.length > mostReadings) known.shift();
  return (entry as NonNullable<typeof entry>).reading;
}

/** Four bytes at a time where memory allows: collateral has tens of KiB, and this is asked for each quote. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const aligned = (a.byteOffset | b.byteOffset) % 4 === 0;
  const words = aligned ? a.length >> 2 : 0;
  const [left, right] = [wordsOf(a, words), wordsOf(b, words)];
  for (let at = 0; at < words; at += 1) if (left[at] !== right[at]) return false;
  for (let at = 4 * words; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

function wordsOf({ buffer, byteOffset }: Uint8Array, words: number): Uint32Array {
  return words === 0 ? new Uint32Array(0) : new Uint32Array(buffer, byteOffset, words);
}

function readFile(received: Uint8Array): Reading {
  if (looksLikeEventLog(received)) return { ...nothing, eventLogs: [received] };
  const parts = readOpenEnclaveEndorsements(received) ?? readCollateralStructure(received);
  return parts === undefined ? readPart(received) : together(parts.map(unterminated).map(readPart));
}

/** Members of C structures end in a zero, even those of DER, which says by itself where it ends. */
function unterminated(part: Uint8Array): Uint8Array {
  if (part[0] !== tags.sequence || part.at(-1) !== 0) return part;
  const { encoded } = new DerReader(part).next(tags.sequence);
  return encoded.length === part.length - 1 ? encoded : part;
}

function readPart(received: Uint8Array): Reading {
  const text = asciiText(withoutPadding(received));
  if (text === undefined) return readCertificates(received);
  if (looksLikeGuestEvents(text)) return { ...nothing, eventLogs: [received] };
  return /^\s*\{/.test(text) ? readBundle(readJson(text), text) : readText(text);
}

function together(readings: readonly Reading[]): Reading {
  return {
    certificates: readings.flatMap((reading) => reading.certificates),
    revocationLists: readings.flatMap((reading) => reading.revocationLists),
    documents: readings.flatMap((reading) => reading.documents),
    eventLogs: [],
  };
}

const nothing: Reading = { certificates: [], revocationLists: [], documents: [], eventLogs: [] };

/** Texts in quotes, and those of C programs, end in a zero. So may DER, where it counts. */
function withoutPadding(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === 0 ? bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1) : bytes;
}

/** Everything of Intel’s is ASCII; what is not is no text to us. */
function asciiText(bytes: Uint8Array): string | undefined {
  for (const byte of bytes) if (byte >= 0x7f || byte < 0x09) return undefined;
  return new TextDecoder().decode(bytes);
}

function readText(text: string): Reading {
  let plain = text;
  if (text.includes('-----BEGIN%20')) {
    try {
      plain = decodeURIComponent(text);
    } catch {
      throw malformed('a percent-encoded chain with a wrong escape');
    }
  }
  // Most texts have no name of a header in them, and looking for one takes its time.
  plain = (plain.includes(':') ? plain.replace(/^[\w-]{1,64}:\s*(?=-----BEGIN )/gm, '') : plain)
    // Some platforms’ caches put the chain together without a line’s end in between.
    .replaceAll('----------BEGIN ', '-----\n-----BEGIN ');
  return readCertificates(new TextEncoder().encode(plain));
}

function readCertificates(bytes: Uint8Array): Reading {
  return { ...nothing, ...readEndorsement(bytes) };
}

/** Members of bundles that are chains or lists, and those that are documents with the member that may hold their signature. */
const bundledCertificates = [
  'pckCertificateChain',
  'pckCertChain',
  'pckCrlIssuerChain',
  'rootCa',
  'rootCaCrl',
  'pckCrl',
  'tcbInfoIssuerChain',
  'qeIdentityIssuerChain',
] as const;
const bundledDocuments = [
  ['tcbInfo', 'tcbInfoSignature', 'tcbInfo'],
  ['qeIdentity', 'qeIdentitySignature', 'enclaveIdentity'],
] as const;
/** Families of platforms in one of MigTD’s bundles; there were 13 in 2025. */
const mostPlatforms = 64;

function readBundle(object: JsonObject, source: string): Reading {
  const bundled = documentNames.some((name) => typeof object.get(name)?.value === 'string');
  const document = bundled ? undefined : readSignedDocument(object, source);
  if (document !== undefined) return { ...nothing, documents: [document] };
  const platforms = object.has('platforms') ? list(object, 'platforms', mostPlatforms) : [];
  const readings = [object, ...platforms.map((platform) => objectOf(platform, 'platforms'))].flatMap(
    readMembers,
  );
  if (readings.length === 0)
    throw malformed(`JSON with the members ${[...object.keys()].slice(0, 8).join(', ')}`);
  return together(readings);
}

function readMembers(object: JsonObject): readonly Reading[] {
  const members: JsonObject = new Map(
    [...object].map(([name, member]) => [
      name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      member,
    ]),
  );
  return [
    ...bundledCertificates
      .filter((name) => members.has(name))
      .map((name) => readText(textMember(members, name))),
    ...bundledDocuments
      .filter(([name]) => members.has(name))
      .map(([name, signature, kind]): Reading => ({
        ...nothing,
        documents: [readBundledDocument(members, name, signature, kind)],
      })),
  ];
}

/** Either the whole answer of the service as a string, or the inner object as one and its signature beside it. */
function readBundledDocument(
  members: JsonObject,
  name: string,
  signature: string,
  kind: string,
): SignedDocument {
  const source = textMember(members, name);
  const object = readJson(source);
  const whole = readSignedDocument(object, source);
  return whole ?? signedDocument(kind, objectOf(object, name), source, octets(members, signature, 64));
}
