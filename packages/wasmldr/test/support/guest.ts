// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';

import {
  createIdentity,
  openChannel,
  type AttestedChannel,
  type ClientIdentity,
  type FrameStream,
  type Judge,
} from '@enarx/channel';
import { FrameStream as Frames } from '@enarx/channel/frame-stream';
import {
  accepted,
  decodeMessage,
  decodeProblem,
  deliver,
  encodeMessage,
  ended,
  evidence,
  guestFrame,
  guestLaunch,
  guestState,
  maxFramePayload,
  reportRequest,
  workloadFrame,
  type Deliver,
  type Ended,
  type EnarxError,
  type Purpose,
} from '@enarx/protocol';
import { serveGuest, type GuestOptions } from '@enarx/wasmldr';

import { bundledRunner } from '../../../../test/support/runner-bundle.ts';
import { connectedPair } from '../../../channel/test/support/pipe.ts';

export const keepId = new Uint8Array(16).fill(0xcd);

/** The judge that a client must not be: what is shown here is the Keep's behaviour, not its evidence. */
const anybody: Judge = () => Promise.resolve();

export interface TestGuest extends AsyncDisposable {
  /** States that it told its host, in order. */
  readonly states: string[];
  /** Resolves when it has ended and its host has heard all that it said. */
  readonly ended: Promise<void>;
  /** The host's end of the device. */
  readonly device: Socket;
  connect(): Promise<Socket>;
  attest<P extends Purpose>(purpose: P, identity?: ClientIdentity): Promise<AttestedChannel<P>>;
}

/** The owner of every guest, unless a test says otherwise. */
export const owner = await createIdentity();

/** A guest in this process, whose runner is a real one, and a host that passes its requests on to nobody: evidence is the report data itself. */
export async function startGuest(times: GuestOptions['times'] = {}): Promise<TestGuest> {
  const [device, inside] = await connectedPair();
  const states: string[] = [];
  const ready = Promise.withResolvers<undefined>();
  let accept: ((connection: Socket) => void) | undefined;
  const done = serveGuest({
    device: inside,
    runner: { runner: await bundledRunner() },
    listen: (take) => {
      accept = take;
      return Promise.resolve();
    },
    times,
  });
  const host = serveHost(new Frames(device), (word) => {
    states.push(word);
    ready.resolve(undefined);
  });
  await ready.promise;
  const connect = async (): Promise<Socket> => {
    const [ours, theirs] = await connectedPair();
    accept?.(theirs);
    return ours;
  };
  return {
    states,
    ended: Promise.all([done, host]).then(() => undefined),
    device,
    connect,
    attest: async (purpose, identity = owner) => {
      const channel = await openChannel({ connection: await connect(), identity, keepId });
      return channel.attest(purpose, anybody);
    },
    [Symbol.asyncDispose]: async () => {
      device.destroy();
      await done;
    },
  };
}

async function serveHost(frames: Frames, tell: (word: string) => void): Promise<void> {
  try {
    await frames.send(guestFrame.launch, encodeMessage(guestLaunch, { id: keepId, tee: 'sim' }));
    for await (const { kind, payload } of frames) {
      if (kind === guestFrame.state) tell(decodeMessage(guestState, payload).state);
      else {
        const { 'report-data': report } = decodeMessage(reportRequest, payload);
        const answer = { format: 'snp', report, endorsements: new Uint8Array(0) } as const;
        await frames.send(guestFrame.evidence, encodeMessage(evidence, answer));
      }
    }
  } catch {
    // The test took the device away.
  }
}

/** What would be announced for a module. */
export function announce(module: Uint8Array, more: Partial<Deliver> = {}): Deliver {
  const digest = createHash('sha256').update(module).digest();
  return { size: module.length, digest, args: ['main.wasm'], env: [], limits: {}, detach: false, ...more };
}

export async function sendDeliver(frames: FrameStream, message: Deliver): Promise<void> {
  await frames.send(workloadFrame.deliver, encodeMessage(deliver, message));
}

export async function sendModule(frames: FrameStream, module: Uint8Array): Promise<void> {
  for (let at = 0; at < module.length; at += maxFramePayload)
    await frames.send(workloadFrame.module, module.subarray(at, at + maxFramePayload));
}

/** Delivers a program in the shortest way. */
export async function delivered(
  guest: TestGuest,
  module: Uint8Array,
  more: Partial<Deliver> = {},
): Promise<FrameStream> {
  const frames = await (await guest.attest('deliver')).deliver();
  await sendDeliver(frames, announce(module, more));
  await sendModule(frames, module);
  return frames;
}

export interface Heard {
  readonly accepted: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly ended?: Ended;
  readonly problem?: EnarxError;
}

/** Reads a conversation to its end. @param onCredit - answers what the program asks for */
export async function hear(
  frames: FrameStream,
  onCredit: (frames: FrameStream) => void = () => undefined,
): Promise<Heard> {
  let heard: Heard = { accepted: false, stdout: '', stderr: '' };
  try {
    for (let frame = await frames.read(); frame !== undefined; frame = await frames.read()) {
      const { kind, payload } = frame;
      const text = Buffer.from(payload).toString('latin1');
      if (kind === workloadFrame.accepted) {
        decodeMessage(accepted, payload);
        heard = { ...heard, accepted: true };
      } else if (kind === workloadFrame.stdout) heard = { ...heard, stdout: heard.stdout + text };
      else if (kind === workloadFrame.stderr) heard = { ...heard, stderr: heard.stderr + text };
      else if (kind === workloadFrame.credit) onCredit(frames);
      else if (kind === workloadFrame.ended) {
        heard = { ...heard, ended: decodeMessage(ended, payload) };
        frames.end();
      } else if (kind === workloadFrame.problem) heard = { ...heard, problem: decodeProblem(payload) };
      else throw new Error(`a frame of kind ${String(kind)}`);
    }
  } finally {
    frames.destroy();
  }
  return heard;
}

/** Waits until the guest has told its host this. */
export async function reaches(guest: TestGuest, word: string): Promise<void> {
  for (const deadline = Date.now() + 10_000; !guest.states.includes(word);) {
    if (Date.now() > deadline) throw new Error(`not in time: ${word}; ${guest.states.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
