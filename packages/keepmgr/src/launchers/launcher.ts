// SPDX-License-Identifier: Apache-2.0
import type { ProcessReference } from '@enarx/keepldr/processes';
import type { LogEntry, Resources, Tee } from '@enarx/protocol';

/** What a loader is started for. */
export interface LoaderWanted {
  /** Keep id, 16 bytes. It names the launch: nobody else has the same. */
  readonly id: Uint8Array;
  readonly tee: Tee;
  /** The Keep's own directory, into which the loader goes. */
  readonly directory: string;
  /** What a machine was asked to have; the loader gives it. */
  readonly resources: Resources | undefined;
  /** Whether the host may open sockets for the program, which the loader then relays. */
  readonly network: boolean;
}

/**
 * One way to start loaders: child processes, units of systemd, an orchestrator's jobs. A launch is named by its Keep's id, so that a daemon
 * started anew finds it without having written down more.
 */
export interface Launcher {
  /**
   * Starts a loader, which does nothing before it is told to begin. What bounds it is in force when this resolves.
   * @throws EnarxError `keepmgr/launch-failed`, or what the launcher has to say; nothing of it is left then, or {@link end} ends it
   */
  launch(wanted: LoaderWanted): Promise<LaunchedLoader>;
  /** Ends what is left of a Keep's launch, whoever started it, and resolves when nothing of it runs or is known to the launcher. */
  end?(id: Uint8Array): Promise<void>;
  /** Ends launches that are no Keep's: what a daemon left that was killed before it had written them down. */
  sweep?(isKeep: (id: Uint8Array) => boolean): Promise<void>;
  /** What the launcher has heard from and about a Keep's loader, oldest first, also before this daemon. */
  log?(id: Uint8Array): Promise<readonly LogEntry[]>;
  /** Why no loader could be started now; nothing when one could. */
  obstacles?(): Promise<readonly string[]>;
  /** Lets go of what is not for a Keep, such as spares. Loaders of Keeps go on. */
  close?(): void;
}

export interface LaunchedLoader {
  /** Leader of the loader's process group, where it runs on this machine. */
  readonly process: ProcessReference | undefined;
  /** Hands the loader its one frame. It does nothing before. */
  begin(frame: Uint8Array): void;
  /** Resolves with what the host can tell of its end. Never rejects. */
  readonly exited: Promise<string>;
}
