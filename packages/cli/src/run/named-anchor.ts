// SPDX-License-Identifier: Apache-2.0
import { anchorFromPem, type Anchor } from '@enarx/attestation';
import { EnarxError } from '@enarx/protocol';

import { nameFile } from '../name-file.ts';

/** A file with a root. */
export interface NamedAnchor {
  readonly file: string;
  readonly pem: string;
}

/**
 * The root that a file holds. What is wrong with it is told with its name: a command line names several files.
 * @throws EnarxError `anchor/malformed`, and what bytes that are no certificate get
 */
export async function anchorInFile(pem: Uint8Array | string, file: string): Promise<Anchor> {
  try {
    return await anchorFromPem(pem);
  } catch (cause) {
    if (!(cause instanceof EnarxError)) throw cause;
    throw nameFile(cause as EnarxError, file);
  }
}
