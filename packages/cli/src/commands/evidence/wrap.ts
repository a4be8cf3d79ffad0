// SPDX-License-Identifier: Apache-2.0
import {
  cmwLimits,
  indicators,
  writeCborCmw,
  writeJsonCmw,
  type Cmw,
  type CmwRecord,
} from '@enarx/attestation/cmw';

import type { EnarxContext } from '../../context.ts';
import { writeNewFile } from '../../named-file.ts';
import { cliProblem } from '../../problems.ts';
import type { EvidenceWrapFlags } from './flags.ts';
import { readEvidenceFile } from './read.ts';

/** As media types are written (RFC 6838, section 4.2), with parameters perhaps. */
const mediaType = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}(?:;[ -~]{1,128})?$/i;

/** Evidence, alone or with what endorses it, in a wrapper that says what is what. None of it is read. */
export async function wrapEvidence(
  this: EnarxContext,
  { out, type, endorsements = [], form }: EvidenceWrapFlags,
  file: string,
): Promise<void> {
  if (!mediaType.test(type))
    throw cliProblem('cli/usage', {
      found: `--type ${type}`,
      expected: 'a media type such as application/eat+cwt',
    });
  const [evidence, ...endorsing] = await Promise.all([file, ...endorsements].map(readEvidenceFile));
  const record = (value: Uint8Array | undefined, indicator: number, of: string): CmwRecord => ({
    kind: 'record',
    type: of,
    value: value as Uint8Array,
    indicator,
  });
  const first = record(evidence, indicators.evidence, type);
  // What endorses evidence comes in many forms, which whoever reads them tells by content.
  const others = endorsing.map((value) => record(value, indicators.endorsements, 'application/octet-stream'));
  const cmw: Cmw =
    others.length === 0
      ? first
      : {
          kind: 'collection',
          type: undefined,
          items: new Map([
            ['evidence', first],
            ...others.map((other, index): [string, CmwRecord] => [`endorsement-${String(index + 1)}`, other]),
          ]),
        };
  const bytes = form === 'cbor' ? writeCborCmw(cmw) : new TextEncoder().encode(writeJsonCmw(cmw));
  if (bytes.length > cmwLimits.bytes || others.length >= cmwLimits.items)
    throw cliProblem('cli/usage', {
      found: `a wrapper of ${String(bytes.length)} bytes around ${String(others.length + 1)} messages`,
      expected: `at most ${String(cmwLimits.bytes)} bytes and ${String(cmwLimits.items)} messages`,
    });
  await writeNewFile(out, bytes);
  const wrapped = { wrapper: out, form, messages: others.length + 1, bytes: bytes.length };
  this.output.result(
    wrapped,
    () => `${out}: ${String(wrapped.messages)} messages, ${String(wrapped.bytes)} bytes`,
  );
}
