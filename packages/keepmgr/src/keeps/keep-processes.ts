// SPDX-License-Identifier: Apache-2.0
import {
  bootId,
  isAlive,
  killRecordedGroup,
  killThoseIn,
  leadsGroupBelow,
  type ProcessReference,
} from '@enarx/keepldr/processes';

/** The kernel may take a moment to end what was killed. */
const longestDying = 2000;
const dyingStep = 10;
const mostGroups = 16;

interface Recorded {
  readonly loader: ProcessReference | undefined;
  readonly processes: readonly ProcessReference[];
  readonly boot: string;
}

/** What runs on the host for one Keep: its loader, and the groups that the loader started. */
export class KeepProcesses {
  readonly #directory: string;
  readonly #release: string;
  #loader: ProcessReference | undefined;
  #groups: readonly ProcessReference[] = [];
  readonly #boot: string;

  /**
   * @param directory - the Keep's own
   * @param release - directory of the release; tells our processes from others
   * @param recorded - what an earlier daemon wrote down
   */
  constructor(directory: string, release: string, recorded?: Recorded) {
    this.#directory = directory;
    this.#release = release;
    this.#loader = recorded?.loader;
    this.#groups = recorded?.processes ?? [];
    this.#boot = recorded?.boot ?? bootId();
  }

  get recorded(): Recorded {
    return { loader: this.#loader, processes: this.#groups, boot: this.#boot };
  }

  /** Whether nothing is known to run. */
  get none(): boolean {
    return this.#loader === undefined && this.#groups.length === 0;
  }

  /** Whether the loader runs, in this very boot. It may be nobody's child here. */
  get loaderRuns(): boolean {
    return this.#loader !== undefined && this.#boot === bootId() && isAlive(this.#loader);
  }

  launched(loader: ProcessReference | undefined): void {
    this.#loader = loader;
  }

  /**
   * What the loader says are its guest's processes will be killed with the rights of the daemon one day. So only its own
   * children that lead a group are taken, lest a loader that lies turns the daemon on somebody else.
   *
   * @returns whether any was new
   */
  adopt(claimed: readonly ProcessReference[]): boolean {
    const [loader] = this.#loader ?? [];
    if (loader === undefined) return false;
    const known = new Set(this.#groups.map((reference) => reference.join()));
    const fresh = claimed.filter(
      (reference) => !known.has(reference.join()) && leadsGroupBelow(reference, loader),
    );
    if (fresh.length === 0 || known.size + fresh.length > mostGroups) return false;
    this.#groups = [...this.#groups, ...fresh];
    return true;
  }

  /** Kills all that is known, and answers whether anything was left to kill. Nothing is known afterwards. */
  kill(): boolean {
    const ours = (line: string, where: string): boolean =>
      line.includes(this.#release) || line.includes(this.#directory) || where.startsWith(this.#directory);
    let killed = false;
    if (this.#boot === bootId()) {
      // The guests first: their loader would report their end as a failure of theirs.
      for (const reference of this.#groups) killed = killRecordedGroup(reference, ours) || killed;
      if (this.#loader !== undefined) killed = killRecordedGroup(this.#loader, ours) || killed;
    }
    this.#groups = [];
    this.#loader = undefined;
    return killed;
  }

  /** Also kills what only the Keep's directory tells of, and resolves when nothing runs any more, or after two seconds. */
  async sweep(): Promise<void> {
    const deadline = performance.now() + longestDying;
    while (killThoseIn(this.#directory) > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, dyingStep));
  }
}
