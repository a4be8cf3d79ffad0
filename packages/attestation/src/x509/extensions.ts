// SPDX-License-Identifier: Apache-2.0
import { readDer, type DerElement } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readBitString, readBoolean, readOid, readSmallInteger } from '../der/values.ts';
import { attestationProblem } from '../problems.ts';

export interface Extension {
  readonly critical: boolean;
  /** What stands inside the OCTET STRING. */
  readonly value: Uint8Array;
}

/** By dotted object identifier. */
export type Extensions = ReadonlyMap<string, Extension>;

export const extensionOids = {
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  authorityKeyIdentifier: '2.5.29.35',
} as const;

/**
 * @param element - SEQUENCE OF Extension; each extension once (RFC 5280 section 4.2)
 * @throws EnarxError `der/malformed`, `x509/malformed`
 */
export function readExtensions(element: DerElement): Extensions {
  const extensions = new Map<string, Extension>();
  const list = element.reader();
  do {
    const extension = list.next(tags.sequence).reader();
    const oid = readOid(extension.next(tags.oid));
    const critical = extension.optional(tags.boolean);
    // False is the default and DER leaves defaults out.
    if (critical !== undefined && !readBoolean(critical))
      throw attestationProblem('x509/malformed', { found: `extension ${oid} that says critical FALSE` });
    const value = extension.next(tags.octetString).content;
    extension.end();
    if (extensions.has(oid)) throw attestationProblem('x509/malformed', { found: `extension ${oid} twice` });
    extensions.set(oid, { critical: critical !== undefined, value });
  } while (!list.atEnd);
  return extensions;
}

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength: number | undefined;
}

/** RFC 5280 section 4.2.1.9. @throws EnarxError `der/malformed`, `x509/malformed` */
export function readBasicConstraints(value: Uint8Array): BasicConstraints {
  const constraints = readDer(value, tags.sequence).reader();
  const ca = constraints.optional(tags.boolean);
  if (ca !== undefined && !readBoolean(ca))
    throw attestationProblem('x509/malformed', { found: 'basicConstraints that say cA FALSE' });
  const pathLength = constraints.optional(tags.integer);
  constraints.end();
  return {
    ca: ca !== undefined,
    pathLength: pathLength === undefined ? undefined : readSmallInteger(pathLength, 255),
  };
}

export interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  readonly crlSign: boolean;
}

/** RFC 5280 section 4.2.1.3. @throws EnarxError `der/malformed` */
export function readKeyUsage(value: Uint8Array): KeyUsage {
  const { octets } = readBitString(readDer(value, tags.bitString));
  const bit = (number: number): boolean => (((octets[0] ?? 0) << number) & 0x80) !== 0;
  return { digitalSignature: bit(0), keyCertSign: bit(5), crlSign: bit(6) };
}

/** Critical extensions beyond those that the caller acts on; any such makes the whole unusable (RFC 5280 section 4.2). */
export function unhandledExtensions(extensions: Extensions, handled: ReadonlySet<string>): string[] {
  return [...extensions].filter(([oid, { critical }]) => critical && !handled.has(oid)).map(([oid]) => oid);
}
