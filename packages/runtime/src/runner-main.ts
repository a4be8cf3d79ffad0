// SPDX-License-Identifier: Apache-2.0
//
// The runner: the process in which the program runs. It holds no key, may open nothing, and has one pipe, to its supervisor. It is killed
// rather than asked to end.
import { setFlagsFromString } from 'node:v8';

import { decodeMessage, type Frame } from '@enarx/protocol';

import { blockingBinding, canSuspend, suspendingBinding, type EngineBinding } from './runner/binding.ts';
import { BlockingLink } from './runner/blocking-link.ts';
import type { LinkListener, SupervisorLink } from './runner/link.ts';
import { headroom, Program } from './runner/program.ts';
import { StreamLink } from './runner/stream-link.ts';
import { blockingArgument, engineFlags } from './runner-flags.ts';
import { entryMessage, runMessage, runnerFrame } from './runner-frames.ts';
import { Idle } from './wasi/idle.ts';
import { useFirst } from './wasi/random.ts';

const linkFd = 3;

let program: Program | undefined;
/** The module while it arrives, with room in front; given up as soon as it is handed to the compiler. */
let module: Uint8Array | undefined;
let received = headroom;

function receive({ kind, payload }: Frame): void {
  switch (kind) {
    case runnerFrame.run: {
      const run = decodeMessage(runMessage, payload);
      for (const flag of engineFlags(run.tiers, run.pages)) setFlagsFromString(flag);
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
      module.set(payload, received);
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
    program?.package.add(decodeMessage(entryMessage, payload));
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
  writable: () => {
    idle.wake();
  },
  // Nobody is left to run for.
  closed: () => process.exit(),
};

function open(): { readonly link: SupervisorLink; readonly binding: EngineBinding } {
  if (canSuspend && process.argv[2] !== blockingArgument)
    return { link: new StreamLink(linkFd, listener), binding: suspendingBinding(idle) };
  const blocking = new BlockingLink(linkFd, listener);
  // Once the module is there, the program runs within a call of `receive`, and receives what it waits for itself.
  setImmediate(() => {
    for (;;) blocking.receive();
  });
  return { link: blocking, binding: blockingBinding((call) => blocking.run(call)) };
}

const { link, binding } = open();
link.ready();
