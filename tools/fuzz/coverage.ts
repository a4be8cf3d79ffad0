// SPDX-License-Identifier: Apache-2.0
import { Session, type Profiler } from 'node:inspector';

/**
 * What of our own sources was reached, by V8's own block coverage (node:inspector): no instrumentation, no native addon. A key is a range of
 * source and whether it was run at all; V8 merges ranges of equal count, so that any key not seen before says something new.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();
  readonly #scripts: RegExp;

  /** @param scripts - of which addresses coverage counts */
  constructor(scripts: RegExp) {
    this.#scripts = scripts;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  get size(): number {
    return this.#seen.size;
  }

  /** What was reached since the last call for the first time ever. */
  fresh(): ReadonlySet<string> {
    const fresh = new Set<string>();
    for (const key of this.#reached()) {
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      fresh.add(key);
    }
    return fresh;
  }

  /** Whether any of these was reached since the last call. */
  reaches(keys: ReadonlySet<string>): boolean {
    let found = false;
    for (const key of this.#reached()) found ||= keys.has(key);
    return found;
  }

  *#reached(): Generator<string> {
    for (const { url, functions } of this.#take()) {
      if (!this.#scripts.test(url)) continue;
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          yield `${url}:${String(startOffset)}:${String(endOffset)}:${count > 0 ? '1' : '0'}`;
    }
  }

  stop(): void {
    this.#session.disconnect();
  }

  #take(): Profiler.ScriptCoverage[] {
    let taken: Profiler.ScriptCoverage[] = [];
    // The answer comes before `post` returns: the session is of this very thread.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error;
      taken = result;
    });
    return taken;
  }
}
