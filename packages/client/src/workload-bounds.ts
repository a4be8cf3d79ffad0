// SPDX-License-Identifier: Apache-2.0
import {
  encodeMessage,
  maxFramePayload,
  deliver,
  workloadBounds,
  type Deliver,
  type EnarxError,
} from '@enarx/protocol';

import type { ProgramStreams } from './conversation.ts';
import type { Workload } from './workload.ts';
import { clientProblem } from './problems.ts';

/**
 * The first message of its delivery.
 * @throws EnarxError `client/workload-bounds` for more than one can say
 */
export function describeWorkload(workload: Omit<Workload, keyof ProgramStreams>): Uint8Array {
  const { module, args, env = [], limits = {}, files, optimize, detach = false } = workload;
  return encodeDeliver({
    size: module.size,
    digest: module.digest,
    args: [...args],
    env: env.map(([name, value]): [string, string] => [name, value]),
    limits,
    detach,
    ...(files === undefined ? {} : { files: [...files] }),
    ...(workload.package === undefined
      ? {}
      : { package: { entries: workload.package.entries, bytes: workload.package.bytes } }),
    ...(optimize === undefined ? {} : { optimize }),
  });
}

/**
 * Makes the first message of a delivery, and says in the words of whoever wrote the arguments and the environment what is too much of them.
 *
 * @throws EnarxError `client/workload-bounds`; `message/invalid` for what no tenant can have written
 */
function encodeDeliver(message: Deliver): Uint8Array {
  const { args, env, files = [] } = message;
  atMost(args.length, workloadBounds.arguments, 'arguments, the name of the program among them');
  args.forEach((argument, index) => {
    atMost(bytesOf(argument), workloadBounds.text, `bytes in argument ${String(index)}`);
  });
  atMost(env.length, workloadBounds.variables, 'variables in the environment');
  for (const [name, value] of env) {
    atMost(bytesOf(name), workloadBounds.name, `bytes in the name of the variable ${name.slice(0, 32)}…`);
    atMost(bytesOf(value), workloadBounds.text, `bytes in the variable ${name}`);
  }
  atMost(files.length, workloadBounds.descriptors, 'descriptors');
  try {
    return encodeMessage(deliver, message);
  } catch (cause) {
    const { code, found } = cause as EnarxError;
    if (code !== 'cbor/too-large') throw cause;
    throw clientProblem('client/workload-bounds', {
      found: `arguments, environment, descriptors and their certificates together: ${String(found)}`,
      expected: `at most ${String(maxFramePayload)} bytes`,
      cause,
    });
  }
}

function atMost(count: number, most: number, what: string): void {
  if (count > most)
    throw clientProblem('client/workload-bounds', {
      found: `${String(count)} ${what}`,
      expected: `at most ${String(most)}`,
    });
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
