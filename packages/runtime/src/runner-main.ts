// SPDX-License-Identifier: Apache-2.0
//
// The runner: the process in which the program runs. It holds no key, may open nothing, and has one pipe, to its supervisor. It is killed
// rather than asked to end.
import { decodeMessage, type Frame } from '@enarx/protocol';

import { SupervisorLink } from './runner/link.ts';
import { Program } from './runner/program.ts';
import { runMessage, runnerFrame } from './runner-frames.ts';
import { prepareRandom } from './wasi/random.ts';

const linkFd = 3;

let program: Program | undefined;
/** The module while it arrives; given up as soon as it is handed to the compiler. */
let module: Uint8Array | undefined;
let received = 0;

function receive({ kind, payload }: Frame): void {
  switch (kind) {
    case runnerFrame.run: {
      const run = decodeMessage(runMessage, payload);
      program = new Program(link, run);
      module = new Uint8Array(run.size);
      return;
    }
    case runnerFrame.module: {
      if (module === undefined) return;
      module.set(payload, received);
      received += payload.length;
      if (received === module.length) start();
      return;
    }
    case runnerFrame.stdin:
      program?.stdin.push(payload);
      return;
    case runnerFrame.stdinEnd:
      program?.stdin.end();
      return;
    default:
      throw new Error(`the supervisor sent a frame of kind ${String(kind)}`);
  }
}

function start(): void {
  const bytes = module as Uint8Array;
  module = undefined;
  void program?.start(bytes);
}

const link = new SupervisorLink(linkFd, {
  frame: receive,
  writable: () => {
    program?.idle.wake();
  },
  // Nobody is left to run for.
  closed: () => process.exit(),
});
link.ready();
setImmediate(prepareRandom);
