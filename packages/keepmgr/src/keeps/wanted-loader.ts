// SPDX-License-Identifier: Apache-2.0
import type { LoaderWanted } from '../launchers/launcher.ts';
import type { KeepIdentity, LaunchDetails } from './surroundings.ts';

/** What a launcher is told of a Keep: enough to bound its loader, and nothing of the launch frame's. */
export function wantedLoader(
  { id, tee }: Pick<KeepIdentity, 'id' | 'tee'>,
  directory: string,
  { resources, sockets }: LaunchDetails,
): LoaderWanted {
  const network = sockets !== undefined && sockets.listen.length + sockets.dial.length > 0;
  return { id, tee, directory, resources, network };
}
