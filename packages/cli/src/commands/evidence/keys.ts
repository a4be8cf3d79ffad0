// SPDX-License-Identifier: Apache-2.0
import { readPem } from '@enarx/attestation';

import { readNamedBytes } from '../../named-file.ts';
import { cliProblem } from '../../problems.ts';

const curves = ['P-256', 'P-384'] as const;
const mostBytes = 65_536;

/**
 * The private key (PKCS #8) with which results are signed.
 * @throws EnarxError `cli/file-unreadable`, `cli/key-unusable`
 */
export async function readSigningKey(file: string): Promise<CryptoKey> {
  return readKey(file, 'PRIVATE KEY', 'pkcs8', 'sign');
}

/**
 * The public key of a verifier whose results are relied on.
 * @throws EnarxError `cli/file-unreadable`, `cli/key-unusable`
 */
export async function readVerifyingKey(file: string): Promise<CryptoKey> {
  return readKey(file, 'PUBLIC KEY', 'spki', 'verify');
}

async function readKey(
  file: string,
  label: string,
  format: 'pkcs8' | 'spki',
  usage: 'sign' | 'verify',
): Promise<CryptoKey> {
  const block = readPem(new TextDecoder().decode(await readNamedBytes(file, mostBytes))).find(
    (one) => one.label === label,
  );
  // Which curve it is of only its import tells.
  for (const namedCurve of block === undefined ? [] : curves) {
    try {
      return await crypto.subtle.importKey(
        format,
        (block as NonNullable<typeof block>).content,
        { name: 'ECDSA', namedCurve },
        false,
        [usage],
      );
    } catch {
      continue;
    }
  }
  throw cliProblem('cli/key-unusable', {
    found: `no ${label} on P-256 or P-384 in ${file}`,
  });
}
