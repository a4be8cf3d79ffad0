// SPDX-License-Identifier: Apache-2.0
import type { ProcessReference } from '@enarx/keepldr/processes';

/** One way to start a loader: a child process, later a unit of systemd or an orchestrator's job. */
export interface Launcher {
  /** @param directory - the Keep's own directory, into which the loader goes */
  launch(directory: string): LaunchedLoader;
  /** Lets go of what is not for a Keep, such as spares. Loaders of Keeps go on. */
  close?(): void;
}

export interface LaunchedLoader {
  /** Leader of the loader's process group, or `undefined` when it could not be started. */
  readonly process: ProcessReference | undefined;
  /** Hands the loader its one frame. It does nothing before. */
  begin(frame: Uint8Array): void;
  /** Resolves with what the host can tell of its end. Never rejects. */
  readonly exited: Promise<string>;
}
