// SPDX-License-Identifier: Apache-2.0
//
// What a run says on standard error while it goes on. Nothing of the program's is among it.
import type { Check } from '@enarx/attestation';
import type { Step } from '@enarx/client';
import { printable, type Ended } from '@enarx/protocol';

import { checkMark } from '../check-mark.ts';
import type { Output } from '../output.ts';

/** Said once, before anything else, where a root that somebody made for the purpose vouches; from then on every line says so. */
export function reportSimulated(output: Output): void {
  if (output.simulated) return;
  output.markSimulated();
  output.event(
    'simulated',
    {},
    'the processor that vouches for this Keep is software; it proves nothing about the host',
  );
}

/** Said when a root was not accepted and the caller had named none. */
export function reportMissingAnchor(output: Output, checks: readonly Check[]): void {
  const roots = ['x509/anchor', 'sev/ark-anchor'];
  if (!checks.some(({ id, status }) => roots.includes(id) && status === 'fail')) return;
  const hint =
    'If the host simulates and you mean that, get its anchor.pem (sev-anchor.pem for kinds with a launch secret) from the operator by a way you trust and pass --anchor FILE.';
  output.event('hint', { hint }, `hint: ${hint}`);
}

/** One of the ten steps, as it is taken. */
export function reportStep(output: Output, verbose: boolean, step: Step): void {
  const { n, title, by, ms, detail } = step;
  const time = `${ms.toFixed(1)} ms`.padStart(10);
  const witness = by === 'client' ? '' : ` (${by})`;
  const line = `${String(n).padStart(2)}  ${time}  ${title}${output.styled('dim', witness)}${detail === '' ? '' : `: ${printable(detail)}`}`;
  if (verbose || output.json) output.event('step', { step: n, title, by, ms, detail }, line);
  else output.progress(`${String(n)}/10 ${title}`);
}

/** Every check of a verdict, or the failed ones. A reader of text is told only how many did not apply. */
export function reportChecks(output: Output, checks: readonly Check[], which: 'all' | 'failed'): void {
  let silent = 0;
  for (const { id, status, detail, policyLine } of checks) {
    if (which === 'failed' && status !== 'fail') continue;
    if (!output.json && status === 'not-applicable') {
      silent += 1;
      continue;
    }
    const where = policyLine === undefined ? '' : ` (policy line ${String(policyLine)})`;
    output.event(
      'check',
      { id, status, detail, policyLine },
      `      ${checkMark(output, status, 'stderr')} ${id}: ${printable(detail)}${where}`,
    );
  }
  if (silent > 0)
    output.event(
      'checks-not-applicable',
      {},
      `      ${checkMark(output, 'not-applicable', 'stderr')} ${output.styled('dim', `${String(silent)} more that did not apply`)}`,
    );
}

/** How the program ended, where that is more than an exit code. */
export function reportEnd(output: Output, ended: Ended): void {
  output.event('ended', { ...ended }, textOf(output, ended));
}

function textOf(output: Output, ended: Ended): string | undefined {
  switch (ended.how) {
    case 'exit':
      return undefined;
    case 'trap':
      return [
        `${output.styled('red', 'trap:')} ${printable(ended.trap)}`,
        ...ended.frames.map((frame) => `  at ${printable(frame)}`),
      ].join('\n');
    case 'limit':
      return `${output.styled('red', 'limit:')} the program passed its limit of ${limitText(ended.limit, ended.value)}`;
    case 'stopped':
      return `${output.styled('yellow', 'stopped:')} the program was stopped before it ended`;
  }
}

function limitText(limit: Extract<Ended, { readonly how: 'limit' }>['limit'], value: number): string {
  const units = {
    memory: 'bytes of memory',
    wall: 'ms of wall time',
    cpu: 'ms of processor time',
    output: 'bytes of output',
    traffic: 'bytes on its sockets',
    request: 'ms that a request may keep it from hearing others',
  };
  const advice =
    limit === 'request'
      ? ': all visitors were cut off; start it again, with a larger `request` or a handler that does less at a time'
      : '';
  return `${String(value)} ${units[limit]}${advice}`;
}
