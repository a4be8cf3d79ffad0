// SPDX-License-Identifier: Apache-2.0
import { encodeFrameHead, encodeMessage, ldrLaunch, ldrLaunchKind, type LdrLaunch } from '@enarx/protocol';

import type { LoaderWanted } from '../launchers/launcher.ts';
import type { LaunchDetails, WantedKeep } from './surroundings.ts';

/** What a launcher is told of a Keep: enough to bound its loader, and nothing of the launch frame's. */
export function wantedLoader(
  { id, tee }: Pick<WantedKeep, 'id' | 'tee'>,
  directory: string,
  { resources, sockets }: LaunchDetails,
): LoaderWanted {
  const network = sockets !== undefined && sockets.listen.length + sockets.dial.length > 0;
  return { id, tee, directory, resources, network };
}

/**
 * The frame in which the loader is told of it.
 * @param asked - number of the request that asked for the Keep, 8 bytes
 */
export function encodeLaunch(
  details: LaunchDetails,
  { id, tee, token, directory }: Pick<LdrLaunch, 'id' | 'tee' | 'token' | 'directory'>,
  asked: Uint8Array | undefined,
): Uint8Array {
  const payload = encodeMessage(ldrLaunch, {
    ...details,
    ...{ id, tee, token, directory },
    ...(asked === undefined ? {} : { request: asked }),
  });
  return Buffer.concat([encodeFrameHead(ldrLaunchKind, payload.length), payload]);
}
