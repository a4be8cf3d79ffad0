// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { FrameStream } from '@enarx/channel/frame-stream';
import {
  decodeMessage,
  encodeMessage,
  encodeProblem,
  EnarxError,
  launchFrame,
  protocolProblem,
  sevMeasurement,
  sevPlatform,
  sevSecret,
  sevStart,
  type MessageType,
} from '@enarx/protocol';

import { keepldrProblem } from '../../problems.ts';
import type { LaunchFirmware } from './firmware.ts';

/** An owner that does not answer must not keep a launch from its end. */
const longestSilence = 60_000;
/** How long the last frame may take to leave. */
const longestFarewell = 2000;

/**
 * The loader's side of a launch with a secret, for one owner. Nothing of it is worth hiding: the keys in it are wrapped for the firmware, and the secret is sealed for the guest.
 * Resolves when the owner was told how it ended, or has gone.
 *
 * @returns what went wrong, if something did
 */
export async function serveOwner(stream: Duplex, firmware: LaunchFirmware): Promise<EnarxError | undefined> {
  stream.on('error', () => undefined);
  const frames = new FrameStream(stream);
  const silence = setTimeout(() => {
    stream.destroy();
  }, longestSilence);
  const next = async <T>(kind: number, type: MessageType<T>): Promise<T> => {
    const frame = await frames.read();
    if (frame === undefined) throw keepldrProblem('keepldr/owner-gone');
    if (frame.kind !== kind)
      throw protocolProblem('frame/unexpected', { found: `kind ${String(frame.kind)}` });
    silence.refresh();
    return decodeMessage(type, frame.payload);
  };
  try {
    await frames.send(
      launchFrame.platform,
      encodeMessage(sevPlatform, { certificates: await firmware.certificates() }),
    );
    const measurement = await firmware.start(await next(launchFrame.start, sevStart));
    await frames.send(launchFrame.measurement, encodeMessage(sevMeasurement, measurement));
    await firmware.inject(await next(launchFrame.secret, sevSecret));
    await farewell(frames, stream, launchFrame.finished, new Uint8Array(0));
    return undefined;
  } catch (error) {
    const problem =
      error instanceof EnarxError
        ? (error as EnarxError)
        : keepldrProblem('keepldr/owner-gone', { found: (error as Error).message, cause: error });
    await farewell(frames, stream, launchFrame.problem, encodeProblem(problem));
    return problem;
  } finally {
    clearTimeout(silence);
    frames.destroy();
  }
}

/** Refuses a connection that comes second. */
export async function refuseOwner(stream: Duplex): Promise<void> {
  stream.on('error', () => undefined);
  const frames = new FrameStream(stream);
  await farewell(frames, stream, launchFrame.problem, encodeProblem(keepldrProblem('keepldr/launch-taken')));
  frames.destroy();
}

/** Sends the last frame and waits until the other side has had it, or a while. */
async function farewell(
  frames: FrameStream,
  stream: Duplex,
  kind: number,
  payload: Uint8Array,
): Promise<void> {
  try {
    await frames.send(kind, payload);
    const closed = new Promise((resolve) => stream.once('close', resolve).once('end', resolve).resume());
    stream.end();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, longestFarewell)));
    await Promise.race([closed, late]);
    clearTimeout(timer);
  } catch {
    // It has gone.
  }
}
