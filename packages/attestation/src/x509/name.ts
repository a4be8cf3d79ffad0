// SPDX-License-Identifier: Apache-2.0
import { type DerElement } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readOid, readText } from '../der/values.ts';
import { attestationProblem } from '../problems.ts';

/** A distinguished name. Two names are the same when their encodings are: vendors copy the issuer's bytes. */
export interface Name {
  readonly encoded: Uint8Array;
  /** The single common name, empty where there is none. */
  readonly commonName: string;
}

export const commonNameOid = '2.5.4.3';

/** @param element - RDNSequence @throws EnarxError `der/malformed`, `x509/malformed` */
export function readName(element: DerElement): Name {
  const commonNames: string[] = [];
  const sets = element.reader();
  while (!sets.atEnd) {
    const attributes = sets.next(tags.set).reader();
    do {
      const attribute = attributes.next(tags.sequence).reader();
      const oid = readOid(attribute.next(tags.oid));
      const value = attribute.next();
      attribute.end();
      if (oid === commonNameOid) commonNames.push(readText(value));
    } while (!attributes.atEnd);
  }
  if (commonNames.length > 1)
    throw attestationProblem('x509/malformed', { found: 'a name with several common names' });
  return { encoded: element.encoded, commonName: commonNames[0] ?? '' };
}
