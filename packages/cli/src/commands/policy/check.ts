// SPDX-License-Identifier: Apache-2.0
import { explainPolicy } from '@enarx/attestation';
import { printable } from '@enarx/protocol';

import type { EnarxContext, OutputFlags } from '../../context.ts';
import { table } from '../../output.ts';
import { readPolicyFile } from './read.ts';

/** Prints what each field of a policy accepts. */
export async function checkPolicy(this: EnarxContext, _flags: OutputFlags, file: string): Promise<void> {
  const fields = explainPolicy((await readPolicyFile(file)).policy);
  this.output.result(
    { file, fields: fields.map(({ field, line, means }) => ({ field, line, means })) },
    () => {
      const rows = fields.map(({ field, line, means }) => [
        String(line).padStart(4),
        field,
        means.startsWith('open:')
          ? this.output.styled('yellow', printable(means), 'stdout')
          : printable(means),
      ]);
      const open = fields.filter(({ means }) => means.startsWith('open:')).length;
      return `${table([['line', 'field', 'accepts'], ...rows])}\n${file} can be used; ${String(open)} of ${String(fields.length)} fields are open.`;
    },
  );
}
