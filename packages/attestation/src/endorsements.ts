// SPDX-License-Identifier: Apache-2.0
import {
  certificateTableGuids,
  looksLikeCertificateTable,
  readCertificateTable,
} from './amd/certificate-table.ts';
import { reasonOf } from './checks.ts';
import { DerReader, readDer } from './der/reader.ts';
import { tags } from './der/tags.ts';
import { untext } from './evidence-text.ts';
import { readPem } from './pem.ts';
import { attestationProblem } from './problems.ts';
import { readCertificate, type Certificate } from './x509/certificate.ts';
import { readRevocationList, type RevocationList } from './x509/crl.ts';
import type { KeyCache, Reading } from './x509/key-cache.ts';

/** Certificates and lists out of whatever they came in. Nothing is proven, not even that they belong together. */
export interface Endorsements {
  readonly certificates: readonly Certificate[];
  readonly revocationLists: readonly RevocationList[];
  /** Sentences on what could not be read; each fails a check. */
  readonly unreadable: readonly string[];
}

/** No real chain comes near; a limit keeps a hostile host from making us try thousands. */
export const maxEndorsements = 64;

/**
 * Reads endorsements in any form and order: DER certificates, lists and PkiPaths, also one after the other; PEM;
 * certificate tables of the SEV-SNP driver; JSON of Azure's THIM service; any of these in hex or base64, alone or in an array of JSON.
 * @param keys - remembers what bytes were read as; the bytes must be nobody's to change
 */
export function readEndorsements(blobs: readonly Uint8Array[], keys?: KeyCache): Endorsements {
  const found: Found & { readonly unreadable: string[] } = {
    certificates: [],
    revocationLists: [],
    unreadable: [],
  };
  blobs.forEach((blob, index) => {
    try {
      readRemembered(blob, found, keys);
    } catch (error) {
      found.unreadable.push(`endorsement ${String(index + 1)}: ${reasonOf(error)}`);
    }
  });
  return found;
}

/** One of them. @throws EnarxError `endorsements/malformed`, `pem/malformed`, `der/malformed`, `x509/…`, `amd/table-malformed` */
export function readEndorsement(blob: Uint8Array): Reading {
  const found: Found = { certificates: [], revocationLists: [] };
  readAny(blob, found);
  return found;
}

interface Found {
  readonly certificates: Certificate[];
  readonly revocationLists: RevocationList[];
}

/** Larger ones are read anew each time: a cache shall not hold what a stranger sends by the megabyte. */
const longestRemembered = 16_384;

function readRemembered(blob: Uint8Array, found: Found, keys: KeyCache | undefined): void {
  if (keys === undefined || blob.length > longestRemembered) {
    readAny(blob, found);
    return;
  }
  const known = keys.readingOf(blob);
  if (known !== undefined && count(found) + count(known) <= maxEndorsements) {
    found.certificates.push(...known.certificates);
    found.revocationLists.push(...known.revocationLists);
    return;
  }
  const from = { certificates: found.certificates.length, lists: found.revocationLists.length };
  readAny(blob, found);
  keys.addReading(blob, {
    certificates: found.certificates.slice(from.certificates),
    revocationLists: found.revocationLists.slice(from.lists),
  });
}

const count = ({ certificates, revocationLists }: Reading): number =>
  certificates.length + revocationLists.length;

/** @param inText - what base64 or hex spelt: once is enough */
function readAny(blob: Uint8Array, found: Found, inText = false): void {
  const text = untext(blob);
  if (text.kind === 'pem') {
    const blocks = readPem(text.text);
    if (blocks.length === 0)
      throw attestationProblem('endorsements/malformed', {
        found: 'PEM without a block in it',
        expected: 'BEGIN and END on lines of their own, not \\n or blanks in the place of ends of lines',
      });
    for (const { label, content } of blocks) {
      if (label !== 'CERTIFICATE' && label !== 'X509 CRL')
        throw attestationProblem('endorsements/malformed', { found: `a PEM block ${label}` });
      readDerObjects(content, found);
    }
  } else if (text.kind === 'json') readJson(text.value, found);
  else if (text.kind === 'bytes') {
    // Azure's containers get THIM's JSON in base64, in an environment variable.
    if (inText || untext(text.bytes).kind === 'binary') readBinary(text.bytes, found);
    else readAny(text.bytes, found, true);
  } else readBinary(blob, found);
}

function readBinary(bytes: Uint8Array, found: Found): void {
  if (!looksLikeCertificateTable(bytes) && bytes.some((byte) => byte !== 0)) {
    readDerObjects(bytes, found);
    return;
  }
  if (bytes.length === 0) return;
  for (const { guid, content } of readCertificateTable(bytes)) {
    if (!entriesToRead.has(guid)) continue;
    if (untext(content).kind === 'pem') readAny(content, found);
    else readDerObjects(content, found);
  }
}

const { vcek, vlek, ask, ark, crl } = certificateTableGuids;
const entriesToRead: ReadonlySet<string> = new Set([vcek, vlek, ask, ark, crl]);

/** Texts in an array, or Azure's host certificate cache: `{vcekCert, certificateChain, …}`, both PEM. */
function readJson(value: object, found: Found): void {
  if (Array.isArray(value)) {
    for (const text of value as unknown[]) {
      if (typeof text !== 'string' || /^\s*[[{]/.test(text))
        throw attestationProblem('endorsements/malformed', { found: 'an array of other things than texts' });
      readAny(new TextEncoder().encode(text), found, true);
    }
    return;
  }
  const members = new Map<string, unknown>(Object.entries(value));
  const pem = [members.get('vcekCert'), members.get('certificateChain')];
  for (const text of pem) {
    if (typeof text !== 'string' || !text.includes('-----BEGIN '))
      throw attestationProblem('endorsements/malformed', {
        found: `JSON with the members ${[...members.keys()].slice(0, 8).join(', ')}`,
        expected: 'vcekCert and certificateChain',
      });
    readAny(new TextEncoder().encode(text), found);
  }
}

function readDerObjects(bytes: Uint8Array, found: Found): void {
  const reader = new DerReader(bytes);
  do readDerObject(reader.next(tags.sequence).encoded, found);
  while (!reader.atEnd);
}

/**
 * Certificate, list or PkiPath: all are sequences. The first two have three members, the last a bit string; what is
 * signed begins with `[0]` in a version 3 certificate and with an integer in a version 2 list.
 * @param inPath - a path holds certificates, not paths: nesting would have no end
 */
function readDerObject(encoded: Uint8Array, found: Found, inPath = false): void {
  if (count(found) >= maxEndorsements)
    throw attestationProblem('endorsements/malformed', {
      found: `more than ${String(maxEndorsements)} of them`,
    });
  const members = readDer(encoded, tags.sequence).reader();
  const first = members.next(tags.sequence);
  if (members.optional(tags.sequence) !== undefined && members.nextTag === tags.bitString) {
    if (first.reader().nextTag === tags.integer) found.revocationLists.push(readRevocationList(encoded));
    else found.certificates.push(readCertificate(encoded));
    return;
  }
  if (inPath) throw attestationProblem('endorsements/malformed', { found: 'DER that is no certificate' });
  const path = readDer(encoded, tags.sequence).reader();
  while (!path.atEnd) readDerObject(path.next(tags.sequence).encoded, found, true);
}
