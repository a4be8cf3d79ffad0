// SPDX-License-Identifier: Apache-2.0
import { EnarxError } from '@enarx/protocol';

import type { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import type { FuzzTarget } from './target.ts';

export interface FuzzOptions {
  readonly target: FuzzTarget;
  readonly coverage: Coverage;
  readonly executions: number;
  readonly seed: number;
  /** Called before each execution, so that whoever watches has the input that hangs or kills us. */
  readonly before?: (input: Uint8Array) => void;
}

export interface FuzzReport {
  readonly executions: number;
  /** Inputs that reached something new, the seeds among them. */
  readonly corpus: number;
  readonly coverage: number;
  /** Of one input, in milliseconds. */
  readonly slowest: number;
  readonly accepted: number;
  readonly finding?: Finding;
}

export interface Finding {
  readonly input: Uint8Array;
  readonly reason: string;
}

const refusals: readonly string[] = ['malformed', 'unsupported', 'rejected'];
/** Inputs between two looks at the coverage, which cost as much as several inputs do. */
const batchLength = 24;

/** Runs a target on ever new inputs until it has had its executions, or the first finding. */
export async function fuzz({ target, coverage, executions, seed, before }: FuzzOptions): Promise<FuzzReport> {
  const random = new Random(seed);
  const longest = target.longest ?? 8192;
  const text = new TextEncoder();
  const tokens = (target.tokens ?? []).map((token) =>
    typeof token === 'string' ? text.encode(token) : token,
  );
  const corpus: Uint8Array[] = [];
  let done = 0;
  let slowest = 0;
  let accepted = 0;

  const runOne = async (input: Uint8Array): Promise<Finding | undefined> => {
    before?.(input);
    done += 1;
    const copy = Uint8Array.from(input);
    const started = performance.now();
    try {
      const result = target.run(copy);
      if (result instanceof Promise) await result;
      accepted += 1;
    } catch (error) {
      if (!(error instanceof EnarxError) || !refusals.includes(error.kind))
        return { input, reason: error instanceof Error ? (error.stack ?? error.message) : String(error) };
      // A finding is printed: it may be long, but must not carry the bytes of an attacker to a terminal.
      if (hasControls(error.message))
        return { input, reason: `control characters in: ${JSON.stringify(error.message)}` };
      if (error.message.length > 4000)
        return { input, reason: `an error of ${String(error.message.length)} characters` };
    } finally {
      slowest = Math.max(slowest, performance.now() - started);
    }
    for (const [index, byte] of input.entries())
      if (copy[index] !== byte) return { input, reason: 'the decoder changed its input' };
    return undefined;
  };
  const report = (finding?: Finding): FuzzReport => ({
    executions: done,
    corpus: corpus.length,
    coverage: coverage.size,
    slowest,
    accepted,
    ...(finding === undefined ? {} : { finding }),
  });

  for (const input of [new Uint8Array(0), ...(await target.seeds())]) {
    const finding = await runOne(input);
    if (finding !== undefined) return report(finding);
    // Seeds stay whether or not they reach something new: they are what real inputs look like.
    if (input.length <= longest) corpus.push(input);
    coverage.fresh();
  }
  while (done < executions) {
    const batch: Uint8Array[] = [];
    for (let index = 0; index < batchLength; index += 1) {
      // Half of the time one of the youngest: they are at the edge of what was reached.
      const young = random.below(2) === 0 ? Math.max(0, corpus.length - 16) : 0;
      const parent = corpus[young + random.below(corpus.length - young)] as Uint8Array;
      batch.push(mutate(parent, corpus, tokens, random, longest));
    }
    for (const input of batch) {
      const finding = await runOne(input);
      if (finding !== undefined) return report(finding);
    }
    const fresh = coverage.fresh();
    if (fresh.size === 0) continue;
    // One of the batch reached it; each once more by itself shows which.
    const parents: Uint8Array[] = [];
    for (const input of batch) {
      await runOne(input);
      if (coverage.reaches(fresh)) parents.push(input);
    }
    // V8 cuts ranges by what ran together: where no input alone has the new range, all of them are kept.
    corpus.push(...(parents.length === 0 ? batch : parents));
    if (corpus.length > mostParents) corpus.splice(corpus.length >> 2, corpus.length - mostParents);
  }
  return report();
}

const mostParents = 4096;

function hasControls(text: string): boolean {
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(text);
}
