// SPDX-License-Identifier: Apache-2.0
//
// Holds files of the Nitro corpus against what its index says of them. Any-runtime code: the same runs in Node and in a browser.
import { EnarxError, toHex } from '@enarx/protocol';

import { anchorFromPem, awsAnchors, vendorAnchors } from '../../src/anchors.ts';
import type { Verification } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import type { KeyCache } from '../../src/x509/key-cache.ts';
import type { IndexedVector } from '../support/indexed-vectors.ts';
import { expectations, type ExpectSame } from './expectations.ts';

/** @param read - a file by its name below the directory of the index @returns what is not as the index says */
export async function judgeNitro(
  entry: IndexedVector,
  read: (file: string) => Promise<Uint8Array>,
  keys?: KeyCache,
): Promise<readonly string[]> {
  const { problems, expectSame } = expectations();
  const bytes = await read(entry.file);
  if (entry.kind === 'root-certificate') {
    const anchor = await anchorFromPem(bytes);
    expectSame('pin', toHex(anchor.spkiDigest), entry.expected['spkiSha256']);
    expectSame('anchor', anchor, awsAnchors[0]);
    return problems;
  }
  if (entry.kind !== 'nitro-attestation') return [`unknown kind ${entry.kind}`];
  let verification: Verification;
  try {
    verification = await verifyEvidence({
      evidence: bytes,
      endorsements: [],
      anchors: vendorAnchors,
      at: Date.parse(entry.verifyAt),
      ...(keys === undefined ? {} : { keys }),
    });
  } catch (error) {
    expectSame(
      'refused as',
      error instanceof EnarxError ? error.code : String(error),
      'evidence/unrecognised',
    );
    expectSame('reason', entry.expected['reason'], 'cose-structure');
    return problems;
  }
  if (entry.class === undefined || entry.class === 'positive-variant')
    expectGenuine(entry, verification, expectSame);
  else {
    expectSame('class', ['negative', 'policy'].includes(entry.class), true);
    expectRefused(String(entry.expected['reason']), verification, expectSame);
  }
  return problems;
}

const failuresOf = ({ checks }: Verification): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

function expectGenuine(entry: IndexedVector, verification: Verification, expectSame: ExpectSame): void {
  expectSame('failures', failuresOf(verification), []);
  expectSame('simulated', verification.simulated, false);
  expectSame('anchor', verification.verified?.anchor.name, 'aws.nitro-enclaves');
  const { claims } = verification;
  if (claims?.format !== 'nitro') {
    expectSame('format', claims?.format, 'nitro');
    return;
  }
  // Of a variant the index says no more than that it is valid.
  if (entry.class === 'positive-variant') return;
  const hexOr = (value: Uint8Array | undefined): string | null => (value === undefined ? null : toHex(value));
  const found = {
    moduleId: claims.moduleId,
    timestamp: claims.timestamp,
    debug: claims.debug,
    publicKey: hexOr(claims.publicKey),
    userData: hexOr(claims.userData),
    nonce: hexOr(claims.nonce),
    pcrs: Object.fromEntries(Object.entries(claims.pcrs).map(([index, pcr]) => [index, toHex(pcr)])),
  };
  for (const [name, value] of Object.entries(found)) expectSame(name, value, entry.expected[name]);
}

function expectRefused(reason: string, verification: Verification, expectSame: ExpectSame): void {
  expectSame('verified', verification.verified !== undefined, false);
  const failed = failuresOf(verification);
  const wanted = checksOfReason[reason];
  if (!failed.some((id) => wanted?.test(id))) expectSame('failures', failed, reason);
}

/** Check that each kind of negative fails first, by the reason that the collection gives. */
const checksOfReason: Readonly<Record<string, RegExp>> = {
  // A reordered bundle is a broken chain, and then there is no key for the signature.
  'cose-signature': /^nitro\/signature$|^x509\/signatures$/,
  algorithm: /^nitro\/algorithm$/,
  'cose-structure': /^nitro\/envelope$/,
  truncated: /^nitro\/envelope$/,
  'trailing-data': /^nitro\/envelope$/,
  'missing-field': /^nitro\/payload$/,
  malformed: /^nitro\/|^x509\//,
  'untrusted-root': /^x509\/anchor$/,
  chain: /^x509\/(signatures|names|authority)$/,
  'certificate-expired': /^x509\/validity$/,
  'certificate-not-yet-valid': /^x509\/validity$/,
};
