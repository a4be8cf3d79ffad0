// SPDX-License-Identifier: Apache-2.0
import type { Doors } from './api/doors.ts';
import type { Keeps } from './keeps/keeps.ts';
import type { Launcher } from './launchers/launcher.ts';
import type { StateDirectory } from './state/state-directory.ts';
import type { Store } from './state/store.ts';

/** What a daemon has opened so far, and closes at its end, or where it comes no further. */
export class Opened {
  readonly directory: StateDirectory;
  store: Store | undefined;
  launcher: Launcher | undefined;
  /** The loaders' socket. */
  loaders: { close(): void } | undefined;
  /** From when on loaders can reach them. */
  keeps: Keeps | undefined;
  doors: Doors | undefined;

  constructor(directory: StateDirectory) {
    this.directory = directory;
  }

  /** Whoever asks is heard until the Keeps are gone, and the Keeps have their loaders and their records until then. */
  async close(fate: 'destroy' | 'leave'): Promise<void> {
    this.doors?.shut();
    await this.keeps?.close(fate);
    this.launcher?.close?.();
    this.doors?.cut();
    this.loaders?.close();
    this.store?.close();
    this.directory.release();
  }
}
