// SPDX-License-Identifier: Apache-2.0
import { compareBytes, concatBytes, toHex } from '@enarx/protocol';

import { failed, notApplicable, outcomeOf, passed, reasonOf, type Outcome } from '../checks.ts';
import { sha256 } from '../digest.ts';
import { exactly } from '../x509/signature.ts';
import type { KeyCache } from '../x509/key-cache.ts';
import { qeMismatches } from './document-checks.ts';
import type { EnclaveIdentity } from './enclave-identity.ts';
import { intelQeVendor, type Quote } from './quote.ts';
import type { SgxReport } from './sgx/report.ts';
import { importPoint, signedBy, verifyP256 } from './signature.ts';
import { moduleIdentityOf, moduleIdOf, moduleVersionOf } from './tcb-level.ts';
import type { TcbInfo } from './tcb-info.ts';
import { looksLikeEventLog, readEventLog, replayEventLog } from './tdx/event-log.ts';
import { readGuestEvents } from './tdx/guest-events.ts';
import type { TdReport } from './tdx/report.ts';

export function checkVendor({ qeVendor }: Quote): Outcome {
  return compareBytes(qeVendor, intelQeVendor) === 0
    ? passed('Intel')
    : failed(`the vendor is ${toHex(qeVendor)}, Intel is ${toHex(intelQeVendor)}`);
}

export interface Trailer {
  readonly outcome: Outcome;
  /** What the quote vouches for; `undefined` when nothing of that kind is there. */
  readonly claims: Uint8Array | undefined;
}

/**
 * Tools and hosts fill buffers up; what is not zero there somebody put there, under nobody’s signature, unless it is what the report
 * data is the digest of: Open Enclave puts an enclave’s custom claims there (common/sgx/verifier.c).
 */
export async function checkTrailer({ trailing }: Quote, reportData: Uint8Array): Promise<Trailer> {
  if (trailing.every((byte) => byte === 0))
    return { outcome: passed(`${String(trailing.length)} zeros`), claims: undefined };
  const size = `${String(trailing.length)} bytes behind the quote`;
  const bound = concatBytes(await sha256(trailing), new Uint8Array(32));
  return compareBytes(reportData, bound) === 0
    ? { outcome: passed(`${size}, of which the report data is the SHA-256`), claims: trailing }
    : {
        outcome: failed(`${size} that are neither all zero nor what its report data is of`),
        claims: undefined,
      };
}

/** @param pck - key and SubjectPublicKeyInfo */
export async function checkQeReport(
  { qeReport, qeReportSignature }: Quote,
  pck: { readonly key: CryptoKey; readonly publicKey: Uint8Array },
  keys: KeyCache,
): Promise<Outcome> {
  const signed = { toBeSigned: qeReport, signature: qeReportSignature };
  return (await signedBy(pck.key, pck.publicKey, signed, keys))
    ? passed('ECDSA P-256 with SHA-256')
    : failed('the signature of the QE report is wrong');
}

/** The key that signed a quote, as far as it is one. */
export interface AttestationKey {
  readonly key: CryptoKey | undefined;
  /** SHA-256 of the key and the QE’s own data, 32 bytes. */
  readonly digest: Uint8Array;
}

/** A key serves until the quoting enclave makes a new one, so it is kept like those of certificates. */
async function attestationKeyOf(
  { attestationKey, qeAuthData }: Quote,
  keys: KeyCache,
): Promise<AttestationKey> {
  const name = `attestation|${exactly(attestationKey)}|${exactly(qeAuthData)}`;
  const known = keys.get(name);
  if (known !== undefined) return known;
  const [key, digest] = await Promise.all([
    importPoint(attestationKey),
    sha256(concatBytes(attestationKey, qeAuthData)),
  ]);
  if (key !== undefined) keys.set(name, { key, digest });
  return { key, digest };
}

/** The two checks of a quote that need nothing but the quote. */
export async function judgeAttestation(
  quote: Quote,
  keys: KeyCache,
): Promise<{ readonly key: AttestationKey; readonly signature: Outcome }> {
  const key = await attestationKeyOf(quote, keys);
  return { key, signature: await checkSignature(quote, key) };
}

/** REPORT_DATA of the QE is SHA-256 of the attestation key and the QE’s own data, then zeros. */
export function checkAttestationKey({ digest }: AttestationKey, { reportData }: SgxReport): Outcome {
  return compareBytes(reportData, concatBytes(digest, new Uint8Array(32))) === 0
    ? passed('the QE vouches for this key')
    : failed(`the QE vouches for ${toHex(reportData)}, the attestation key has the SHA-256 ${toHex(digest)}`);
}

async function checkSignature({ signature, signed }: Quote, { key }: AttestationKey): Promise<Outcome> {
  if (key === undefined) return failed('the attestation key is no point of P-256');
  return (await verifyP256(key, signature, signed))
    ? passed('ECDSA P-256 with SHA-256')
    : failed('the signature of the quote is wrong');
}

export function checkQe({ qeReport }: Quote, qe: SgxReport, identity: EnclaveIdentity): Outcome {
  const failures = qeMismatches(identity, {
    miscSelect: qeReport.subarray(16, 20),
    attributes: qe.attributes.raw,
    mrSigner: qe.mrSigner,
    isvProdId: qe.isvProdId,
  });
  return outcomeOf(failures, `ISVPRODID ${String(qe.isvProdId)}, ISVSVN ${String(qe.isvSvn)}`);
}

/** Signer and attributes of the module (Intel’s library, section 4.1.2.5.12). From version 1 on its own identity has them. */
export function checkModule(report: TdReport | undefined, tcbInfo: TcbInfo): Outcome {
  if (report === undefined) return notApplicable('SGX has no TDX module');
  const { teeTcbSvn, mrSignerSeam, seamAttributes } = report;
  const version = moduleVersionOf(teeTcbSvn);
  const module = version === 0 ? tcbInfo.tdxModule : moduleIdentityOf(tcbInfo, teeTcbSvn);
  if (module === undefined)
    return failed(`the TCB info knows no TDX module ${moduleIdOf(teeTcbSvn)}; fetch a current one`);
  const failures: string[] = [];
  if (compareBytes(mrSignerSeam, module.mrSigner) !== 0)
    failures.push(`MRSIGNERSEAM is ${toHex(mrSignerSeam)}, the TCB info has ${toHex(module.mrSigner)}`);
  const masked = seamAttributes.map((byte, index) => byte & (module.attributesMask[index] as number));
  // No attribute is defined yet: Intel’s library wants zero whatever the mask.
  if (seamAttributes.some((byte) => byte !== 0) || compareBytes(masked, module.attributes) !== 0)
    failures.push(
      `SEAMATTRIBUTES are ${toHex(seamAttributes)}, expected zero; the TCB info has ${toHex(module.attributes)}`,
    );
  return outcomeOf(failures, `${moduleIdOf(teeTcbSvn)}, SVN ${String(teeTcbSvn[0])}`);
}

/** All registers by a firmware’s log; by that of a guest’s agent those that it has events of. */
export async function checkEventLogs(
  report: TdReport | undefined,
  logs: readonly Uint8Array[],
): Promise<Outcome> {
  if (logs.length === 0) return notApplicable('no event log was given');
  if (report === undefined) return failed('an event log was given; enclaves of SGX have none');
  const failures: string[] = [];
  const told: string[] = [];
  for (const log of logs) {
    try {
      const whole = looksLikeEventLog(log);
      const events = whole ? readEventLog(log) : await readGuestEvents(new TextDecoder().decode(log));
      const registers = [...(await replayEventLog(events)).entries()].filter(
        ([index]) => whole || events.some(({ register }) => register === index),
      );
      if (registers.length === 0) failures.push('the log has no events');
      for (const [index, register] of registers)
        if (compareBytes(register, report.rtmrs[index] as Uint8Array) !== 0)
          failures.push(
            `RTMR${String(index)} is ${toHex(report.rtmrs[index] as Uint8Array)}, the log replays to ${toHex(register)}`,
          );
      const names = registers.map(([index]) => `RTMR${String(index)}`).join(', ');
      told.push(`${String(events.length)} events make ${names}`);
    } catch (error) {
      failures.push(reasonOf(error));
    }
  }
  return outcomeOf(failures, told.join('; '));
}
