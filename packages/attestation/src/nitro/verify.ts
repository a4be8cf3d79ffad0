// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import type { Anchor } from '../anchors.ts';
import { formatTime } from '../calendar.ts';
import {
  check,
  checksOf,
  failed,
  notReached,
  outcomeOf,
  passed,
  reasonOf,
  unreadableAs,
  type Outcome,
} from '../checks.ts';
import { es384 } from '../cose/algorithms.ts';
import { namesAlgorithm, readSign1, verifySign1, type Sign1 } from '../cose/sign1.ts';
import { readEndorsements, type Endorsements } from '../endorsements.ts';
import { asVerified, isSimulated, type Verification, type VerifyOptions } from '../verification.ts';
import { readCertificate, titleOf, type Certificate } from '../x509/certificate.ts';
import { chainNotReached, verifyChain, type ChainResult } from '../x509/chain.ts';
import { nitroBindingChecks, nitroFormChecks } from './check-table.ts';
import type { NitroClaims } from './claims.ts';
import { readNitroDocument, type NitroDocument } from './document.ts';

/** The payload may have 16384 bytes; the rest are a header of few bytes and a signature. */
const mostBytes = 17_408;
const pcrLength = 48;
const mostPcrs = 32;
/** PCRs that every enclave has: image, kernel, application, role of the parent, parent. */
const alwaysThere = [0, 1, 2, 3, 4] as const;
/** Clocks of the hypervisor and of whoever verifies may differ by so much, in milliseconds. */
const clockDifference = 5 * 60_000;

/** Verifies an attestation document of an AWS Nitro Enclave. All checks are listed, whichever fail. */
export async function verifyNitro(options: VerifyOptions): Promise<Verification<NitroClaims>> {
  let message: Sign1;
  try {
    message = readSign1(options.evidence, mostBytes);
  } catch (error) {
    return unreadable({ 'nitro/envelope': failed(reasonOf(error)) }, error, options.anchors);
  }
  const envelope = {
    'nitro/envelope': passed(`COSE_Sign1 with a payload of ${String(message.payload.length)} bytes`),
    'nitro/algorithm': checkAlgorithm(message),
  };
  let document: NitroDocument;
  try {
    document = readNitroDocument(message.payload);
  } catch (error) {
    return unreadable({ ...envelope, 'nitro/payload': failed(reasonOf(error)) }, error, options.anchors);
  }
  const { at, anchors, keys } = options;
  const endorsements = readEndorsements(options.endorsements);
  const reading = readChain(document);
  const chain = 'chain' in reading ? reading.chain : undefined;
  const result: ChainResult =
    chain === undefined
      ? chainNotReached('a certificate cannot be read')
      : await verifyChain({
          chain,
          anchors: anchors.filter(({ vendor }) => vendor === 'aws'),
          revocationLists: endorsements.revocationLists,
          at,
          handledExtensions: new Set(),
          knownRevoked: () => undefined,
          keys,
        });
  const form: Readonly<Record<keyof typeof nitroFormChecks, Outcome>> = {
    ...envelope,
    'nitro/payload': passed(`${document.moduleId}, made ${formatTime(document.timestamp)}`),
    'nitro/digest':
      document.digest === 'SHA384'
        ? passed('SHA384')
        : failed(`the digest ${JSON.stringify(document.digest.slice(0, 32))}, not SHA384`),
    'nitro/pcrs': checkPcrs(document),
    'nitro/certificates-readable': checkReadable(reading, endorsements),
  };
  const binding = await checkBinding({ document, message, leaf: chain?.[0], leafKey: result.leafKey, at });
  const checks = [...checksOf(form), ...result.checks, ...checksOf(binding)];
  const claims = claimsOf(document, result, at);
  const { anchor } = result;
  return {
    format: 'nitro',
    simulated: isSimulated(anchor, anchors),
    checks,
    claims,
    verified: asVerified(claims, checks, { anchor, at }),
  };
}

function unreadable(
  known: Readonly<Record<string, Outcome>>,
  error: unknown,
  anchors: readonly Anchor[],
): Verification<NitroClaims> {
  const outcome = notReached('the document cannot be read');
  const ids = [
    ...Object.keys(nitroFormChecks),
    ...chainNotReached('').checks.map(({ id }) => id),
    ...Object.keys(nitroBindingChecks),
  ];
  return {
    format: 'nitro',
    simulated: isSimulated(undefined, anchors),
    checks: ids.map((id) => check(id, known[id] ?? outcome)),
    claims: undefined,
    unreadable: unreadableAs(error),
    verified: undefined,
  };
}

function checkAlgorithm(message: Sign1): Outcome {
  return namesAlgorithm(message, es384)
    ? passed('ES384')
    : failed(
        `the protected header ${toHex(message.protectedBytes.subarray(0, 16))} does not name ES384 (-35)`,
      );
}

function checkPcrs({ pcrs }: NitroDocument): Outcome {
  const failures = [...pcrs].flatMap(([index, pcr]) => {
    if (index < 0 || index >= mostPcrs) return [`there is a PCR ${String(index)}`];
    return pcr.length === pcrLength ? [] : [`PCR${String(index)} has ${String(pcr.length)} bytes`];
  });
  const missing = alwaysThere
    .filter((index) => !pcrs.has(index))
    .map((index) => `PCR${String(index)} is missing`);
  return outcomeOf([...failures, ...missing], `${String(pcrs.size)} of 48 bytes`);
}

type ChainReading =
  { readonly chain: readonly [Certificate, Certificate, ...Certificate[]] } | { readonly unreadable: string };

/** The bundle has the root first, and the chain is exactly it: no certificate is left out, none picked (AWS, section 3.2.3). */
function readChain({ certificate, bundle }: NitroDocument): ChainReading {
  try {
    return {
      chain: [
        readCertificate(certificate),
        ...(bundle.toReversed().map(readCertificate) as [Certificate, ...Certificate[]]),
      ],
    };
  } catch (error) {
    return { unreadable: reasonOf(error) };
  }
}

function checkReadable(
  reading: ChainReading,
  { certificates, revocationLists, unreadable: bad }: Endorsements,
): Outcome {
  const count = 'chain' in reading ? reading.chain.length : 0;
  return outcomeOf(
    [...('chain' in reading ? [] : [reading.unreadable]), ...bad],
    `${String(count)} certificates in the document; ${String(certificates.length)} certificates and ${String(revocationLists.length)} revocation lists besides`,
  );
}

interface Binding {
  readonly document: NitroDocument;
  readonly message: Sign1;
  readonly leaf: Certificate | undefined;
  readonly leafKey: CryptoKey | undefined;
  readonly at: number;
}

async function checkBinding({
  document,
  message,
  leaf,
  leafKey,
  at,
}: Binding): Promise<Readonly<Record<keyof typeof nitroBindingChecks, Outcome>>> {
  return {
    'nitro/signing-certificate':
      leaf === undefined ? notReached('the certificate cannot be read') : checkLeaf(leaf),
    'nitro/timestamp':
      leaf === undefined
        ? notReached('the certificate cannot be read')
        : checkTimestamp(document.timestamp, leaf, at),
    'nitro/signature': await checkSignature(message, leafKey),
  };
}

function checkLeaf(leaf: Certificate): Outcome {
  const failures = [
    ...(leaf.keyKind === 'p384' ? [] : ['its key is not on P-384']),
    ...(leaf.keyUsage?.digitalSignature === true ? [] : ['its key is not for digital signatures']),
    ...(leaf.basicConstraints?.ca === false ? [] : ['it does not say that it is no authority']),
  ];
  return outcomeOf(
    failures.map((failure) => `${titleOf(leaf)}: ${failure}`),
    titleOf(leaf),
  );
}

function checkTimestamp(timestamp: number, { notBefore, notAfter }: Certificate, at: number): Outcome {
  const made = `the document says that it was made ${formatTime(timestamp)}`;
  if (timestamp < notBefore || timestamp > notAfter)
    return failed(`${made}; its certificate is for ${formatTime(notBefore)} to ${formatTime(notAfter)}`);
  return timestamp <= at + clockDifference
    ? passed(formatTime(timestamp))
    : failed(
        `${made}, which is after ${formatTime(at)}; set the clock, or verify for the time of the evidence (--at)`,
      );
}

async function checkSignature(message: Sign1, key: CryptoKey | undefined): Promise<Outcome> {
  if (key === undefined) return notReached('the chain does not lead to a key');
  return (await verifySign1(message, es384, key))
    ? passed('ECDSA P-384 with SHA-384')
    : failed('the signature is not of the certified key over these bytes');
}

function claimsOf(document: NitroDocument, { revocation }: ChainResult, at: number): NitroClaims {
  const { moduleId, timestamp, pcrs, publicKey, userData, nonce } = document;
  return {
    format: 'nitro',
    moduleId,
    timestamp,
    age: at - timestamp,
    pcrs: Object.fromEntries(pcrs),
    debug: [0, 1, 2].some((index) => pcrs.get(index)?.every((byte) => byte === 0) !== false),
    publicKey,
    userData,
    nonce,
    revocation,
  };
}
