// SPDX-License-Identifier: Apache-2.0
import { readPem } from '@enarx/attestation/pem';

import type { NamedAnchor } from './named-anchor.ts';

/**
 * Refuses a policy or a root that cannot be read, for commands that would otherwise ask a host first for a Keep that nobody could judge. A policy is read whole. Without one
 * a look at the root has to do: the verifier, which reads it whole, is large, and is loaded while the host launches.
 *
 * @throws EnarxError any `policy/…`, `anchor/malformed`, and what bytes that are no certificate get
 */
export async function refuseBadTrust({
  anchor,
  policy,
}: {
  readonly anchor: NamedAnchor | undefined;
  /** TOML. */
  readonly policy: string | undefined;
}): Promise<void> {
  if (policy !== undefined) (await import('@enarx/attestation')).parsePolicy(policy);
  if (anchor === undefined || (policy === undefined && looksLikeRoot(anchor))) return;
  const { anchorInFile } = await import('./named-anchor.ts');
  await anchorInFile(anchor.pem, anchor.file);
}

const labels: readonly (string | undefined)[] = ['CERTIFICATE', 'PUBLIC KEY'];

function looksLikeRoot({ pem }: NamedAnchor): boolean {
  try {
    const [block, ...others] = readPem(pem);
    return others.length === 0 && labels.includes(block?.label);
  } catch {
    // Whoever reads it whole says what is wrong.
    return false;
  }
}
