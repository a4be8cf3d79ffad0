// SPDX-License-Identifier: Apache-2.0
import { EnarxError } from '@enarx/protocol';

/** The same error, with the file that it is about: a command line names several. */
export function nameFile(error: EnarxError, file: string): EnarxError {
  const { code, found, expected } = error;
  return new EnarxError(code, error, {
    found: found === undefined ? file : `${file}: ${found}`,
    expected,
    cause: error,
  });
}
