// SPDX-License-Identifier: Apache-2.0
//
// The runner: the process in which the program runs. It holds no key, may open nothing, and has one link, to its supervisor. It is killed
// rather than asked to end.
import { writeSync } from 'node:fs';

import type { Frame } from '@enarx/protocol';

import { blockingBinding, canSuspend, suspendingBinding } from './runner/binding.ts';
import { BlockingLink } from './runner/blocking-link.ts';
import { setEngineFlags } from './runner/engine-flags.ts';
import type { LinkListener } from './runner/link.ts';
import { readMessage } from './runner/messages.ts';
import { headroom, Program } from './runner/program.ts';
import { StreamLink } from './runner/stream-link.ts';
import { blockingArgument, engineFlags } from './runner-flags.ts';
import { runnerFrame } from './runner-frames.ts';
import type { entryMessage, runMessage } from './runner-messages.ts';
import { Idle } from './wasi/idle.ts';
import { useFirst } from './wasi/random.ts';

const errorFd = 2;
const linkFd = 3;
/** Characters. */
const longestComplaint = 2048;

let program: Program | undefined;
/** The module while it arrives, with room in front; given up as soon as it is handed to the compiler. */
let module: Uint8Array | undefined;
let received = headroom;

function receive({ kind, payload }: Frame): void {
  switch (kind) {
    case runnerFrame.run: {
      const run = readMessage<typeof runMessage>(payload);
      setEngineFlags(engineFlags(run.tiers));
      useFirst(run.random);
      program = new Program(link, run, binding);
      module = new Uint8Array(headroom + run.size);
      return;
    }
    case runnerFrame.entry:
      addEntry(payload);
      return;
    case runnerFrame.content:
      program?.package.content(payload);
      return;
    case runnerFrame.module: {
      if (module === undefined) return;
      // What came in pieces lies there already.
      if (payload.buffer !== module.buffer) module.set(payload, received);
      received += payload.length;
      if (received === module.length) start();
      return;
    }
    case runnerFrame.stdin:
      program?.stdin.push(payload);
      idle.wake();
      return;
    case runnerFrame.stdinEnd:
      program?.stdin.end();
      idle.wake();
      return;
    case runnerFrame.accept:
    case runnerFrame.socketData:
    case runnerFrame.socketCredit:
    case runnerFrame.socketEnd:
    case runnerFrame.socketClose:
    case runnerFrame.dial:
    case runnerFrame.dialRefused:
      program?.sockets.receive({ kind, payload });
      idle.wake();
      return;
    case runnerFrame.wake:
      return;
    case runnerFrame.serving:
      link.serving();
      return;
    default:
      throw new Error(`the supervisor sent a frame of kind ${String(kind)}`);
  }
}

function addEntry(payload: Uint8Array): void {
  try {
    program?.package.add(readMessage<typeof entryMessage>(payload));
  } catch (error) {
    program?.refuse(error);
  }
}

function start(): void {
  const bytes = module as Uint8Array;
  module = undefined;
  void program?.start(bytes);
}

const idle = new Idle();
const listener: LinkListener = {
  frame: receive,
  room: (kind, length) =>
    kind === runnerFrame.module ? module?.subarray(received, received + length) : undefined,
  writable: () => {
    idle.wake();
  },
  // Nobody is left to run for.
  closed: () => process.exit(),
};

// Before what went wrong Node would print the line where it did, which is the whole bundle, and the supervisor reads no more than a page of it.
process.on('uncaughtException', (error) => {
  writeSync(errorFd, (error.stack ?? String(error)).slice(0, longestComplaint));
  process.exit(1);
});

const suspends = canSuspend && process.argv[2] !== blockingArgument;
const link = suspends ? new StreamLink(linkFd, listener) : new BlockingLink(linkFd, listener);
const binding = suspends ? suspendingBinding(idle) : blockingBinding((call) => link.run(call));
link.ready();
// Where programs block, one runs within a call of `receive` from its start to its end, and receives what it waits for itself.
while (program?.begun !== true) link.receive();
if (link instanceof StreamLink) {
  // In its turn the program has run to its end, or to where it waits first.
  setImmediate(() => {
    if (program?.ended !== true) link.flow();
  });
} else {
  for (;;) link.receive();
}
