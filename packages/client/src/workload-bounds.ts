// SPDX-License-Identifier: Apache-2.0
import { encodeMessage, maxFramePayload, deliver, type Deliver, type EnarxError } from '@enarx/protocol';

import { clientProblem } from './problems.ts';

/** As the description of a workload has them (`deliver` in enarx.cddl). */
const mostArguments = 1024;
const longestText = 32_768;
const mostVariables = 1024;
const longestName = 1024;
const mostFiles = 1024;

/**
 * Makes the first message of a delivery, and says in the words of whoever wrote the arguments and the environment what is too much of them.
 *
 * @throws EnarxError `client/workload-bounds`; `message/invalid` for what no tenant can have written
 */
export function encodeDeliver(message: Deliver): Uint8Array {
  const { args, env, files = [] } = message;
  atMost(args.length, mostArguments, 'arguments, the name of the program among them');
  args.forEach((argument, index) => {
    atMost(bytesOf(argument), longestText, `bytes in argument ${String(index)}`);
  });
  atMost(env.length, mostVariables, 'variables in the environment');
  for (const [name, value] of env) {
    atMost(bytesOf(name), longestName, `bytes in the name of the variable ${name.slice(0, 32)}…`);
    atMost(bytesOf(value), longestText, `bytes in the variable ${name}`);
  }
  atMost(files.length, mostFiles, 'descriptors');
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
