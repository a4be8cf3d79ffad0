// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { FrameStream } from '@enarx/channel/frame-stream';
import {
  decodeMessage,
  encodeMessage,
  encodeProblem,
  evidence as evidenceMessage,
  guestClose,
  guestDial,
  guestFrame,
  guestLaunch,
  guestListen,
  guestListening,
  guestRefused,
  guestState,
  reportRequest,
  EnarxError,
  type Evidence,
  type Frame,
  type GuestDial,
  type GuestLaunch,
  type GuestListen,
  type GuestListening,
} from '@enarx/protocol';

import { Pace } from '../pace.ts';
import { keepldrProblem } from '../problems.ts';
import { SocketRefused, type GuestSockets } from '../sockets/guest-sockets.ts';
import type { GuestStateWord } from './backend.ts';

/** Which states may follow which. Nothing follows an end, so a guest reports at most four. */
const following: Readonly<Record<GuestStateWord | 'launching', readonly GuestStateWord[]>> = {
  launching: ['ready', 'failed'],
  ready: ['claimed', 'failed'],
  claimed: ['running', 'failed'],
  running: ['exited', 'failed'],
  exited: [],
  failed: [],
};

/** Reports and sockets that a guest may ask for at once, and how many more each second. A real processor is slower. */
const reportBurst = 64;
const reportsPerSecond = 32;

export interface Device {
  /** The guest's claim about itself, already checked to be a step forwards. */
  state(word: GuestStateWord): void;
  /** Evidence over 64 bytes of the guest's choice. */
  report(reportData: Uint8Array): Promise<Evidence>;
  /** Told that evidence was given, and of the milliseconds that it took to make. */
  readonly reported?: ((took: number) => void) | undefined;
  /** Sockets for the guest's program. */
  readonly sockets: Pick<GuestSockets, 'listen' | 'dial' | 'close'>;
}

/**
 * Serves the guest's device until the guest closes it. The guest is hostile: the next frame is read only when the last
 * one is answered, so a flood waits in the guest's own socket; reports are paced; whatever does not fit the protocol
 * ends the instance.
 *
 * @throws EnarxError `keepldr/guest-misbehaved`
 */
export async function serveDevice(stream: Duplex, launch: GuestLaunch, device: Device): Promise<void> {
  const frames = new FrameStream(stream);
  const pace = new Pace(reportBurst, reportsPerSecond);
  let current: GuestStateWord | 'launching' = 'launching';
  try {
    await frames.send(guestFrame.launch, encodeMessage(guestLaunch, launch));
    for await (const frame of frames) {
      if (frame.kind === guestFrame.state) {
        const { state } = decodeMessage(guestState, frame.payload);
        if (!following[current].includes(state)) throw misbehaved(`${state} after ${current}`);
        current = state;
        device.state(state);
      } else if (frame.kind === guestFrame.reportRequest) {
        await pace.next();
        const began = performance.now();
        const [kind, payload] = await answer(frame, device);
        const took = performance.now() - began;
        await frames.send(kind, payload);
        if (kind === guestFrame.evidence) device.reported?.(took);
      } else if (frame.kind === guestFrame.listen || frame.kind === guestFrame.dial) {
        await pace.next();
        openSocket(frame, device, frames);
      } else if (frame.kind === guestFrame.close) {
        device.sockets.close(decodeMessage(guestClose, frame.payload).number);
      } else {
        throw misbehaved(`a frame of kind ${String(frame.kind)}`);
      }
    }
  } catch (error) {
    if (error instanceof EnarxError && error.kind === 'malformed') throw misbehaved(error.message, error);
    if (error instanceof EnarxError && error.code === 'keepldr/guest-misbehaved') throw error;
    // Anything else is a broken pipe: the guest has gone, and how it ended is told by its exit.
  }
}

/** Not waited for: a name server that does not answer must not hold up what the guest says next. How many there can be is bounded by their numbers. */
function openSocket({ kind, payload }: Frame, { sockets }: Device, frames: FrameStream): void {
  const refused = (number: number) => (error: unknown) => {
    const reason = error instanceof SocketRefused ? error.reason : 'failed';
    return frames.send(guestFrame.refused, encodeMessage(guestRefused, { number, reason }));
  };
  const answered =
    kind === guestFrame.dial
      ? dial(decodeMessage(guestDial, payload))
      : listen(decodeMessage(guestListen, payload));
  // A device that breaks is noticed where it is read.
  answered.catch(() => undefined);

  async function dial(request: GuestDial): Promise<void> {
    await sockets.dial(request).catch(refused(request.number));
  }

  async function listen(request: GuestListen): Promise<void> {
    const told = (listening: GuestListening): Promise<void> =>
      frames.send(guestFrame.listening, encodeMessage(guestListening, listening));
    await sockets.listen(request).then(told, refused(request.number));
  }
}

async function answer(frame: Frame, device: Device): Promise<[kind: number, payload: Uint8Array]> {
  const { 'report-data': reportData } = decodeMessage(reportRequest, frame.payload);
  try {
    const evidence = await device.report(reportData);
    return [guestFrame.evidence, encodeMessage(evidenceMessage, evidence)];
  } catch (cause) {
    const problem =
      cause instanceof EnarxError
        ? (cause as EnarxError)
        : keepldrProblem('keepldr/report-failed', { found: (cause as Error).message, cause });
    return [guestFrame.problem, encodeProblem(problem)];
  }
}

function misbehaved(found: string, cause?: unknown): EnarxError {
  return keepldrProblem('keepldr/guest-misbehaved', { found, cause });
}
