// SPDX-License-Identifier: Apache-2.0
import { vendorAnchors, type VerifyOptions } from '@enarx/attestation';
import { fromHex } from '@enarx/protocol';

import { readNamedBytes } from '../../named-file.ts';
import { cliProblem } from '../../problems.ts';
import { anchorInFile } from '../../run/named-anchor.ts';
import type { EvidenceFlags } from './flags.ts';

/** One more than the verifier takes, so that it is the one to refuse a file that is too large. */
const mostBytes = 1024 * 1024 + 1;
const reportDataLength = 64;

/** @throws EnarxError `cli/file-unreadable` */
export async function readEvidenceFile(file: string): Promise<Uint8Array> {
  return readNamedBytes(file, mostBytes);
}

/**
 * What the flags name, read for the verifier.
 * @param now - milliseconds since 1970
 * @throws EnarxError `cli/…`, and what a file that is no root gets
 */
export async function readVerifyOptions(
  { evidence, endorsements = [], anchor = [], at }: EvidenceFlags,
  now: number,
): Promise<VerifyOptions> {
  const time = at === undefined ? now : parseTime(at);
  const [bytes, endorsed, anchors] = await Promise.all([
    readEvidenceFile(evidence),
    Promise.all(endorsements.map(readEvidenceFile)),
    Promise.all(anchor.map(async (file) => anchorInFile(await readEvidenceFile(file), file))),
  ]);
  return { evidence: bytes, endorsements: endorsed, anchors: [...vendorAnchors, ...anchors], at: time };
}

/** A time as RFC 3339 has it, in milliseconds since 1970. What `Date` makes of other texts depends on where it runs. */
export function parseTime(text: string): number {
  const form = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/.exec(text);
  const time = form === null ? NaN : Date.parse(text);
  if (form === null || Number.isNaN(time) || !isDay(Number(form[1]), Number(form[2]), Number(form[3])))
    throw cliProblem('cli/usage', {
      found: `--at ${text}`,
      expected: 'a time such as 2026-11-25T12:00:00Z or 2026-11-25T13:00:00+01:00',
    });
  return time;
}

/** `Date.parse` takes 30 February for 2 March. */
function isDay(year: number, month: number, day: number): boolean {
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** @throws EnarxError `cli/usage` */
export function parseReportData(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const bytes = fromHex(text);
  if (bytes?.length !== reportDataLength)
    throw cliProblem('cli/usage', {
      found: `--report-data of ${bytes === undefined ? 'other characters' : `${String(bytes.length)} bytes`}`,
      expected: '64 bytes, 128 hexadecimal digits',
    });
  return bytes;
}
