// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, sign } from 'node:crypto';

import { decodeSecretTable } from '@enarx/attestation/sev';
import {
  hasLaunchSecret,
  launchSecretContext,
  launchSecretGuids,
  type Evidence,
  type Tee,
} from '@enarx/protocol';

import { wasmldrProblem } from './problems.ts';

/** What an owner sealed for this launch. */
export interface LaunchSecret {
  /** The Keep's private key: PKCS #8, DER. */
  readonly key: Uint8Array;
  /** SHA-256 of the key of the one client that may deliver, 32 bytes. */
  readonly owner: Uint8Array;
}

/** Secrets by GUID, as a kernel shows them. */
export type SecretSource = (guid: string) => Uint8Array | undefined;

/**
 * The launch secret of a Keep whose kind has one.
 *
 * A host that tells the wrong kind gains nothing: without a secret the Keep makes a key of its own, which no owner who sealed one will talk to.
 *
 * @param table - the plain table of a simulated launch
 * @throws EnarxError `wasmldr/secret-missing`, `sev/secret-malformed`
 */
export function launchSecretOf(
  tee: Tee,
  table: Uint8Array | undefined,
  kernel: SecretSource | undefined,
): LaunchSecret | undefined {
  if (!hasLaunchSecret(tee)) return undefined;
  const secrets = kernel ?? (table === undefined ? undefined : sourceOf(table));
  const key = secrets?.(launchSecretGuids.key);
  const owner = secrets?.(launchSecretGuids.owner);
  if (key === undefined || owner?.length !== 32)
    throw wasmldrProblem('wasmldr/secret-missing', {
      found: secrets === undefined ? 'no table' : 'a table without it',
    });
  return { key, owner };
}

function sourceOf(table: Uint8Array): SecretSource {
  const secrets = decodeSecretTable(table);
  return (guid) => secrets.find((secret) => secret.guid === guid)?.data;
}

/** The answer to a question for evidence: nothing proves such a Keep but that it has the key. */
export function possession({ key }: LaunchSecret): (reportData: Uint8Array) => Promise<Evidence> {
  const privateKey = createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' });
  const context = Buffer.from(launchSecretContext, 'ascii');
  return (reportData) => {
    const report = sign('sha256', Buffer.concat([context, reportData]), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return Promise.resolve({ format: 'sev', report, endorsements: new Uint8Array(0) });
  };
}
