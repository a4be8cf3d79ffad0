// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

import type { Verdict } from '@enarx/attestation';
import {
  makeResult,
  signCwt,
  signJwt,
  tiers,
  verifyResult,
  type AttestationResult,
} from '@enarx/attestation/results';
import { fromHex, printable, toHex } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { exitStatus } from '../../exit-status.ts';
import { writeNewFile } from '../../named-file.ts';
import { table, type Json } from '../../output.ts';
import { cliProblem } from '../../problems.ts';
import { releaseVersion } from '../../run/release.ts';
import type { EvidenceResultFlags, EvidenceVerifyFlags } from './flags.ts';
import { readSigningKey, readVerifyingKey } from './keys.ts';
import { parseTime, readEvidenceFile } from './read.ts';

/**
 * What `--result` asks for, checked before anything is verified; `undefined` without it.
 * @param policyFile - the bytes that the policy was read from: a pipe gives them once only
 */
export async function resultWriter(
  context: EnarxContext,
  flags: EvidenceVerifyFlags,
  policyFile: Uint8Array | undefined,
): Promise<((verdict: Verdict) => Promise<void>) | undefined> {
  const { result, resultKey, resultForm, resultNonce, resultFor } = flags;
  if ((result === undefined) !== (resultKey === undefined))
    throw cliProblem('cli/usage', {
      found: result === undefined ? '--result-key without --result' : '--result without --result-key',
      expected: 'both, or neither',
    });
  if (result === undefined || resultKey === undefined) return undefined;
  const key = await readSigningKey(resultKey);
  const nonce = parseNonce('--result-nonce', resultNonce);
  const policyId = policyFile === undefined ? undefined : policyDigest(policyFile);
  // Sources that were not built have no version.
  const version = await releaseVersion(context.release).catch(() => 'from source');
  const verifier = { developer: 'Enarx', build: `enarx ${version}` };
  return async (verdict) => {
    const issuedAt = Math.floor(context.now() / 1000);
    const made = makeResult({
      verdict,
      issuedAt,
      verifier,
      ...(resultFor === undefined ? {} : { expires: issuedAt + resultFor }),
      ...(nonce === undefined ? {} : { nonce }),
      ...(policyId === undefined ? {} : { policyId }),
    });
    await writeNewFile(
      result,
      resultForm === 'jwt' ? `${await signJwt(made, key)}\n` : await signCwt(made, key),
    );
  };
}

/** The policy by the SHA-256 of its file (RFC 6920). */
function policyDigest(bytes: Uint8Array): string {
  return `ni:///sha-256;${createHash('sha256').update(bytes).digest('base64url')}`;
}

/** @throws EnarxError `cli/usage` */
function parseNonce(flag: string, text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const bytes = fromHex(text);
  if (bytes === undefined || bytes.length < 8 || bytes.length > 64)
    throw cliProblem('cli/usage', {
      found: `${flag} ${text.slice(0, 32)}`,
      expected: '8 to 64 bytes in hexadecimal',
    });
  return bytes;
}

/** Verifies an attestation result that somebody else made of evidence, and prints what it says. */
export async function showResult(
  this: EnarxContext,
  flags: EvidenceResultFlags,
  file: string,
): Promise<void> {
  const nonce = parseNonce('--nonce', flags.nonce);
  const result = await verifyResult({
    result: await readEvidenceFile(file),
    key: await readVerifyingKey(flags.key),
    at: flags.at === undefined ? this.now() : parseTime(flags.at),
    ...(nonce === undefined ? {} : { nonce }),
  });
  if ([...result.submodules.values()].some(({ status }) => status !== 'affirming'))
    this.process.exitCode = exitStatus.rejected;
  this.output.result(resultJson(result), () => resultText(result));
}

function resultJson(result: AttestationResult): Json {
  return {
    profile: result.profile,
    issuedAt: new Date(result.issuedAt * 1000).toISOString(),
    expires: result.expires === undefined ? undefined : new Date(result.expires * 1000).toISOString(),
    verifier: { ...result.verifier },
    status: result.status,
    nonces: result.nonces.map((nonce) => (typeof nonce === 'string' ? nonce : toHex(nonce))),
    submodules: Object.fromEntries(
      [...result.submodules].map(([name, { status, vector, policyIds }]): [string, Json] => [
        name,
        { status, tier: tiers[status], vector: { ...vector }, policyIds: [...policyIds] },
      ]),
    ),
  };
}

function resultText({ verifier, issuedAt, submodules }: AttestationResult): string {
  return [
    `signed by ${printable(verifier.developer)} (${printable(verifier.build)}) at ${new Date(issuedAt * 1000).toISOString()}`,
    table(
      [...submodules].map(([name, { status, vector }]) => [
        printable(name),
        status,
        Object.entries(vector)
          .map(([category, value]) => `${category} ${String(value)}`)
          .join(', '),
      ]),
    ),
  ].join('\n');
}
