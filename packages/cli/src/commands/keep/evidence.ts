// SPDX-License-Identifier: Apache-2.0
import { createIdentity } from '@enarx/client';
import { concatBytes } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { withHost } from '../../host/with-host.ts';
import { writeNewFile } from '../../named-file.ts';
import { cliProblem } from '../../problems.ts';
import type { KeepFlags } from './flags.ts';

/** Writes evidence of a Keep to a file, unjudged: a policy for processors that nobody has met yet has to be written from something. */
export async function writeEvidence(
  this: EnarxContext,
  flags: KeepFlags,
  id: string,
  file: string,
): Promise<void> {
  const host = await hostOrDefault(this.process.env, flags);
  const { format, report, endorsements } = await withHost(host, async (at) => {
    const unattested = await at.keep(id).open({ identity: await createIdentity() });
    return unattested.evidence();
  });
  if (format === 'sev')
    throw cliProblem('cli/usage', {
      found: `Keep ${id}, whose proof is the key that was sealed for it`,
      expected: 'a Keep with evidence of its own',
    });
  // A report and its table stand one after the other in files; other kinds have their certificates in themselves.
  await writeNewFile(file, concatBytes(report, endorsements));
  this.output.result(
    { keep: id, file, format },
    () =>
      `${file} written: evidence of ${format}, verified by nobody yet. \`enarx evidence show\` reads it, \`enarx policy init --evidence ${file}\` makes a policy of it.`,
  );
}
