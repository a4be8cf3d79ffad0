// SPDX-License-Identifier: Apache-2.0
import { FrameBatch, worthBatching } from '@enarx/channel/frame-batch';
import type { FrameStream } from '@enarx/channel/frame-stream';
import {
  credit,
  decodeMessage,
  decodeProblem,
  encodeMessage,
  ended as endedMessage,
  EnarxError,
  maxFramePayload,
  type Ended,
  type Frame,
} from '@enarx/protocol';

import { OutputQueue, type OutputName } from './output-queue.ts';
import { runtimeProblem, type RuntimeProblemCode } from './problems.ts';
import { sendPackage, type PackageEntry } from './package-sender.ts';
import { defaultDescriptors, defaultFiles, defaultRequest, type Workload } from './workload.ts';
import { watchProcessorTime } from './processor-time.ts';
import { runnerFrame } from './runner-frames.ts';
import { wakeMessage } from './runner-messages.ts';
import { isSocket, Sockets } from './sockets.ts';
import { TurnWatch } from './turn-watch.ts';
import { defaultMemory } from './runner-flags.ts';

export interface ProcessEnd {
  /** False when there never was a process. */
  readonly started: boolean;
  /** Whether V8 gave up because the heap limit was reached, in which garbage-collected objects and tables lie. */
  readonly heapExhausted: boolean;
  /** For a reader: exit status or signal, and the first of what it wrote on its standard error. */
  readonly how: string;
}

/** What a run needs of the process that it runs in. */
export interface RunnerProcess {
  readonly pid: number;
  readonly frames: FrameStream;
  readonly exited: Promise<ProcessEnd>;
  kill(): void;
}

/** Milliseconds between the last byte of the module and the start of the program. */
const preparationTime = 60_000;
/** Milliseconds for which what was printed before the end is still read, and for which a killed process may take to be gone. */
const settlingTime = 5000;
/** Bytes that are handed to the pipe before anybody waits until it has taken them. */
const piecesAhead = 8 * maxFramePayload;
/** Bytes of standard input that a runner may have asked for and not been sent. */
const maxStdinCredit = 1_048_576;
type Outcome = { readonly ended: Ended } | { readonly problem: EnarxError };

/** One program in one runner, seen from the supervisor. Whatever the runner says is checked; a runner that lies is killed. */
export class Run {
  /**
   * How the program ended, after all output was passed on. Rejects with an EnarxError: `wasm/…` when the program cannot be run, `runner/…`
   * when the runner failed.
   */
  readonly ended: Promise<Ended>;
  readonly #process: RunnerProcess;
  readonly #workload: Workload;
  readonly #output: OutputQueue;
  readonly #sockets: Sockets | undefined;
  readonly #decided = Promise.withResolvers<Outcome>();
  #outcome: Outcome | undefined;
  #sending: Promise<void> = Promise.resolve();
  #moduleLeft: number;
  #ready = false;
  #started = false;
  #stdinCredit = 0;
  #stdinEnded = false;
  #printed = 0;
  #preparing: NodeJS.Timeout | undefined;
  #wall: NodeJS.Timeout | undefined;
  #stopWatching: (() => void) | undefined;
  #waking: NodeJS.Timeout | undefined;
  #wakePending = false;
  #turns: TurnWatch | undefined;

  /** @param message - from {@link encodeWorkload} */
  constructor(runner: RunnerProcess, workload: Workload, message: Uint8Array) {
    this.#process = runner;
    this.#workload = workload;
    this.#moduleLeft = workload.size;
    this.#output = new OutputQueue(
      workload.onOutput,
      (bytes) => {
        this.#send(runnerFrame.credit, encodeMessage(credit, bytes));
      },
      () => {
        this.kill();
      },
    );
    this.#sockets = this.#socketsOf(workload);
    this.ended = this.#settle(this.#receive());
    // Whoever waits gets the rejection; nobody waiting yet is no reason to end the supervisor.
    this.ended.catch(() => undefined);
    this.#send(runnerFrame.run, message);
    if (workload.package !== undefined) this.#sendPackage(workload.package);
  }

  /**
   * The next bytes of the module, any length; not kept. Resolves when more may be written, also when the run has ended meanwhile.
   * @throws EnarxError `runner/module-size` for more than was announced
   */
  async writeModule(chunk: Uint8Array): Promise<void> {
    if (chunk.length > this.#moduleLeft) {
      this.kill();
      throw runtimeProblem('runner/module-size', {
        found: `${String(chunk.length - this.#moduleLeft)} bytes more`,
        expected: `${String(this.#workload.size)} bytes`,
      });
    }
    this.#moduleLeft -= chunk.length;
    if (this.#moduleLeft === 0) this.#awaitStart();
    await this.#sendInPieces(runnerFrame.module, chunk);
  }

  /**
   * Bytes of standard input that the program has asked for.
   * @throws EnarxError `runner/stdin-beyond-credit`
   */
  async writeStdin(chunk: Uint8Array): Promise<void> {
    if (chunk.length > this.#stdinCredit) {
      throw runtimeProblem('runner/stdin-beyond-credit', {
        found: `${String(chunk.length)} bytes`,
        expected: `at most ${String(this.#stdinCredit)}`,
      });
    }
    this.#stdinCredit -= chunk.length;
    await this.#sendInPieces(runnerFrame.stdin, chunk);
  }

  /** There is no more standard input. May come before the program has asked for any, and while earlier input is still being sent. */
  endStdin(): void {
    if (this.#stdinEnded) return;
    this.#stdinEnded = true;
    void this.#inOrder(() => this.#sent(runnerFrame.stdinEnd));
  }

  /** Ends the program at once, whatever it does: `ended` resolves with `stopped`, unless the program had ended before. */
  kill(): void {
    this.#decide({ ended: { how: 'stopped' } });
  }

  /** Resolves when the runner has no more to say that matters. */
  async #receive(): Promise<void> {
    try {
      for await (const frame of this.#process.frames) {
        await this.#handle(frame);
        if (this.#outcome !== undefined && !this.#killedWhileRunning) return;
      }
    } catch (error) {
      if (error instanceof EnarxError && error.code !== 'frame/truncated')
        this.#decide({ problem: misbehaved(error) });
    }
    if (this.#outcome !== undefined) return;
    // It may have closed its link and live on. A process that is ending already keeps its own exit status.
    this.#process.kill();
    const end = await within(settlingTime, this.#process.exited);
    if (end?.heapExhausted === true) this.#decide({ ended: this.#memoryLimit });
    else if (end?.started === false)
      this.#decide({ problem: runtimeProblem('runner/not-started', { found: end.how }) });
    else this.#decide({ problem: runtimeProblem('runner/died', { found: end?.how ?? 'a closed link' }) });
  }

  /** Reported by the runner or guessed from its death, so the value is ours. */
  get #memoryLimit(): Ended {
    return { how: 'limit', limit: 'memory', value: this.#workload.limits.memory ?? defaultMemory };
  }

  /** What was printed before a limit or a stop is still in the pipe, and is passed on; after the runner's own last word nothing counts. */
  get #killedWhileRunning(): boolean {
    const outcome = this.#outcome;
    if (outcome === undefined || 'problem' in outcome) return false;
    const { ended } = outcome;
    return (
      ended.how === 'stopped' || (ended.how === 'limit' && (ended.limit === 'wall' || ended.limit === 'cpu'))
    );
  }

  async #settle(received: Promise<void>): Promise<Ended> {
    const outcome = await this.#decided.promise;
    clearTimeout(this.#preparing);
    clearTimeout(this.#wall);
    clearTimeout(this.#waking);
    this.#stopWatching?.();
    this.#turns?.stop();
    this.#process.kill();
    await within(settlingTime, received);
    // However slow its reader is: whoever is told of the end must have been passed everything before it.
    await this.#output.drained();
    if ('ended' in outcome && outcome.ended.how === 'exit') await this.#sockets?.finish();
    this.#sockets?.destroy();
    this.#process.frames.destroy();
    if ('problem' in outcome) throw outcome.problem;
    return outcome.ended;
  }

  #decide(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#process.kill();
    this.#decided.resolve(outcome);
  }

  async #handle({ kind, payload }: Frame): Promise<void> {
    if (this.#outcome !== undefined && kind !== runnerFrame.stdout && kind !== runnerFrame.stderr) return;
    switch (kind) {
      case runnerFrame.ready:
        this.#watchProcessorTime();
        return;
      case runnerFrame.started:
        this.#start();
        return;
      case runnerFrame.stdout:
        return this.#print('stdout', payload);
      case runnerFrame.stderr:
        return this.#print('stderr', payload);
      case runnerFrame.stdinWanted:
        this.#grantStdin(decodeMessage(credit, payload));
        return;
      case runnerFrame.wakeIn:
        this.#wakeIn(decodeMessage(wakeMessage, payload));
        return;
      case runnerFrame.accept:
      case runnerFrame.socketData:
      case runnerFrame.socketCredit:
      case runnerFrame.socketEnd:
      case runnerFrame.socketClose:
      case runnerFrame.dial:
        this.#requireStarted();
        if (this.#sockets === undefined)
          throw runtimeProblem('runner/misbehaved', { found: 'a frame of a socket without one' });
        this.#sockets.receive(kind, payload);
        return;
      case runnerFrame.serving:
        this.#requireStarted();
        this.#watchTurns();
        return;
      case runnerFrame.ended:
        this.#decide({ ended: this.#endOf(decodeMessage(endedMessage, payload)) });
        return;
      case runnerFrame.problem:
        this.#decide({ problem: reported(decodeProblem(payload)) });
        return;
      default:
        throw runtimeProblem('runner/misbehaved', { found: `a frame of kind ${String(kind)}` });
    }
  }

  #start(): void {
    if (!this.#ready || this.#started || this.#moduleLeft > 0)
      throw runtimeProblem('runner/misbehaved', { found: 'a start out of turn' });
    this.#started = true;
    clearTimeout(this.#preparing);
    const { wall } = this.#workload.limits;
    if (wall !== undefined)
      this.#wall = longTimer(wall, () => {
        this.#decide({ ended: { how: 'limit', limit: 'wall', value: wall } });
      });
    this.#sockets?.start();
    this.#workload.onStarted?.();
  }

  #socketsOf({ files = defaultFiles, network, limits }: Workload): Sockets | undefined {
    if (!files.some(isSocket)) return undefined;
    if (network === undefined) throw new TypeError('a program with sockets needs a network');
    const { traffic = Number.MAX_SAFE_INTEGER } = limits;
    return new Sockets({
      files,
      network,
      most: limits.descriptors ?? defaultDescriptors,
      traffic,
      send: (kind, payload) => this.#process.frames.send(kind, payload),
      sendFramed: (frame) => this.#process.frames.sendFramed(frame),
      exceeded: () => {
        this.#decide({ ended: { how: 'limit', limit: 'traffic', value: traffic } });
      },
    });
  }

  #awaitStart(): void {
    this.#preparing = setTimeout(() => {
      this.#decide({
        problem: runtimeProblem('runner/unresponsive', {
          expected: `a start within ${String(preparationTime)} ms`,
        }),
      });
    }, preparationTime);
  }

  /** From the time when the runner has booted, so that compiling counts and booting does not. */
  #watchProcessorTime(): void {
    if (this.#ready) throw runtimeProblem('runner/misbehaved', { found: 'a second boot' });
    this.#ready = true;
    const { cpu } = this.#workload.limits;
    if (cpu === undefined) return;
    this.#stopWatching = watchProcessorTime(this.#process.pid, cpu, () => {
      this.#decide({ ended: { how: 'limit', limit: 'cpu', value: cpu } });
    });
    // A limit that cannot be kept is not one: refuse rather than run without it.
    if (this.#stopWatching === undefined)
      this.#decide({ problem: runtimeProblem('runner/no-processor-time') });
  }

  /** A handler that computes without end cannot be told from here to stop: the whole program ends, since it answers nobody any more. */
  #watchTurns(): void {
    if (this.#turns !== undefined) {
      this.#turns.answered();
      return;
    }
    const value = this.#workload.limits.request ?? defaultRequest;
    this.#turns = new TurnWatch({
      ask: () => {
        this.#send(runnerFrame.serving);
      },
      longest: value,
      passed: () => {
        this.#decide({ ended: { how: 'limit', limit: 'request', value } });
      },
    });
  }

  async #print(stream: OutputName, bytes: Uint8Array): Promise<void> {
    this.#requireStarted();
    const { output = Number.POSITIVE_INFINITY } = this.#workload.limits;
    const room = output - this.#printed;
    this.#printed += Math.min(bytes.length, room);
    if (room > 0 || bytes.length === 0) await this.#output.push(stream, bytes.subarray(0, room));
    if (bytes.length > room) this.#decide({ ended: { how: 'limit', limit: 'output', value: output } });
  }

  #grantStdin(bytes: number): void {
    this.#requireStarted();
    this.#stdinCredit += bytes;
    if (this.#stdinCredit > maxStdinCredit)
      throw runtimeProblem('runner/misbehaved', { found: 'a request for too much standard input' });
    if (!this.#stdinEnded) this.#workload.onStdinWanted(bytes);
  }

  /** A runner that blocks in its read has no clock of its own. One wake-up at a time is kept, so that asking for many costs nothing here. */
  #wakeIn(milliseconds: number): void {
    clearTimeout(this.#waking);
    const wake = (): void => {
      if (this.#wakePending) return;
      this.#wakePending = true;
      void this.#inOrder(async () => {
        await this.#sent(runnerFrame.wake);
        this.#wakePending = false;
      });
    };
    if (milliseconds === 0) wake();
    else this.#waking = setTimeout(wake, milliseconds);
  }

  #requireStarted(): void {
    if (!this.#started)
      throw runtimeProblem('runner/misbehaved', { found: 'input or output before the start' });
  }

  /** Of the ways to end, the runner may name only those that it alone can see. */
  #endOf(ended: Ended): Ended {
    if (ended.how === 'exit' || ended.how === 'trap') {
      this.#requireStarted();
      return ended;
    }
    if (ended.how === 'limit' && ended.limit === 'memory') return this.#memoryLimit;
    throw runtimeProblem('runner/misbehaved', { found: `an end by ${ended.how} that is not its to say` });
  }

  #sendInPieces(kind: number, bytes: Uint8Array): Promise<void> {
    return this.#inOrder(async () => {
      let last: Promise<void> | undefined;
      for (let at = 0; at < bytes.length && this.#outcome === undefined; at += maxFramePayload) {
        // Some are under way at once, so that the pipe is never empty while there is more.
        if (at % piecesAhead === 0) await last;
        last = this.#sent(kind, bytes.subarray(at, at + maxFramePayload));
      }
      await last;
    });
  }

  #sendPackage(entries: AsyncIterable<PackageEntry>): void {
    void this.#inOrder(async () => {
      try {
        const batch = new FrameBatch(this.#process.frames);
        await sendPackage(entries, async (kind, payload) => {
          if (payload.length <= worthBatching) await unlessBroken(batch.add(kind, payload));
          else {
            await unlessBroken(batch.flush());
            await this.#sent(kind, payload);
          }
          return this.#outcome === undefined;
        });
        await unlessBroken(batch.flush());
      } catch (cause) {
        const problem: EnarxError = isProblem(cause) ? cause : runtimeProblem('files/unreadable', { cause });
        this.#decide({ problem });
      }
    });
  }

  /** Input goes out in the order of the calls, also when a caller does not wait for one before it makes the next. */
  #inOrder(send: () => Promise<void>): Promise<void> {
    this.#sending = this.#sending.then(send);
    return this.#sending;
  }

  #send(kind: number, payload?: Uint8Array): void {
    void this.#sent(kind, payload);
  }

  #sent(kind: number, payload?: Uint8Array): Promise<void> {
    return unlessBroken(this.#process.frames.send(kind, payload));
  }
}

/** A pipe that breaks is no news: the process has ended, and `#receive` says how. */
async function unlessBroken(sending: Promise<void> | undefined): Promise<void> {
  try {
    await sending;
  } catch {
    return;
  }
}

const reportable: ReadonlySet<string> = new Set<RuntimeProblemCode>([
  'wasm/malformed',
  'wasm/is-component',
  'wasm/unsupported-world',
  'wasm/no-listener',
  'wasm/not-suspendable',
  'wasm/unknown-import',
  'wasm/import-type',
  'wasm/no-start',
  'wasm/unsupported-memory',
  'files/conflict',
]);

/** A problem in our own words: of the runner's report only the code and what it found are taken. */
function reported({ code, found }: EnarxError): EnarxError {
  if (!reportable.has(code))
    throw runtimeProblem('runner/misbehaved', { found: 'a report of a problem that is not its to report' });
  return runtimeProblem(code as RuntimeProblemCode, found === undefined ? {} : { found });
}

function isProblem(error: unknown): error is EnarxError {
  return error instanceof EnarxError;
}

function misbehaved(error: unknown): EnarxError {
  if (isProblem(error) && error.code === 'runner/misbehaved') return error;
  const found = error instanceof EnarxError ? error.message : 'its link failed';
  return runtimeProblem('runner/misbehaved', { found, cause: error });
}

const longestTimer = 0x7fff_ffff;

/** A limit of more than 24 days is as good as none, and `setTimeout` would take it for zero. */
function longTimer(milliseconds: number, passed: () => void): NodeJS.Timeout | undefined {
  return milliseconds > longestTimer ? undefined : setTimeout(passed, milliseconds);
}

/** The value, or `undefined` when it does not come in time. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
