// SPDX-License-Identifier: Apache-2.0
import { policyTemplate, verifyEvidence } from '@enarx/attestation';

import type { EnarxContext } from '../../context.ts';
import { writeNewFile } from '../../named-file.ts';
import type { EvidenceFlags } from '../evidence/flags.ts';
import { readVerifyOptions } from '../evidence/read.ts';

export async function initPolicy(this: EnarxContext, flags: EvidenceFlags, file?: string): Promise<void> {
  const verification = await verifyEvidence(await readVerifyOptions(flags, this.now()));
  const policy = policyTemplate(verification);
  const { simulated } = verification;
  if (file === undefined) {
    this.output.result({ simulated, policy }, () => policy);
    return;
  }
  await writeNewFile(file, policy);
  this.output.result(
    { simulated, file },
    () => `${simulated ? 'SIMULATED ' : ''}${file} written; read it, and think about each WARNING.`,
  );
}
