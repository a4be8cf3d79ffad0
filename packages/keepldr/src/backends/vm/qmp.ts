// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { keepldrProblem } from '../../problems.ts';

/** What QEMU tells without being asked (QEMU Machine Protocol specification, section "Asynchronous events"). */
export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Longest line that is read. The longest answer that we ask for is a certificate chain of 10 kB. */
const longestLine = 262_144;
const longestAnswer = 10_000;

/**
 * QMP on one connection: lines of JSON, one command at a time of ours answered in order.
 * QEMU runs confined and its guest may have taken it over, so its lines are bounded and its answers are looked at before they are used.
 */
export class Qmp {
  readonly #stream: Duplex;
  readonly #event: (event: QmpEvent) => void;
  readonly #waiting = new Map<number, Waiting>();
  readonly #greeted = Promise.withResolvers<undefined>();
  #next = 1;
  #rest = '';
  #closed: Error | undefined;

  constructor(stream: Duplex, onEvent: (event: QmpEvent) => void) {
    this.#stream = stream;
    this.#event = onEvent;
    this.#greeted.promise.catch(() => undefined);
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.#receive(text);
    });
    stream.on('error', (error) => {
      this.#close(error);
    });
    stream.on('close', () => {
      this.#close(new Error('QEMU closed its control connection'));
    });
  }

  /** Waits for the greeting and leaves negotiation mode. @throws EnarxError `keepldr/qemu-failed` */
  async start(): Promise<void> {
    await within(this.#greeted.promise, 'a greeting');
    await this.execute('qmp_capabilities');
  }

  /**
   * @returns what QEMU answered, unchecked
   * @throws EnarxError `keepldr/qemu-failed`
   */
  async execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#closed !== undefined) throw failed(this.#closed.message, this.#closed);
    const id = this.#next;
    this.#next += 1;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#stream.write(
      `${JSON.stringify({ execute: command, id, ...(args === undefined ? {} : { arguments: args }) })}\n`,
    );
    try {
      return await within(answer.promise, `an answer to ${command}`);
    } finally {
      this.#waiting.delete(id);
    }
  }

  #receive(text: string): void {
    this.#rest += text;
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop() as string;
    if (this.#rest.length > longestLine) {
      this.#stream.destroy(new Error('QEMU sent a line without end'));
      return;
    }
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#stream.destroy(new Error('QEMU sent a line that is no JSON'));
      return;
    }
    if (message === null || typeof message !== 'object') return;
    if ('QMP' in message) this.#greeted.resolve(undefined);
    else if ('event' in message) this.#event(message as QmpEvent);
    else if ('id' in message) this.#answer(message);
  }

  #answer(message: { readonly id: unknown; readonly return?: unknown; readonly error?: unknown }): void {
    const waiting = typeof message.id === 'number' ? this.#waiting.get(message.id) : undefined;
    if (waiting === undefined) return;
    if (message.error === undefined) waiting.resolve(message.return);
    else waiting.reject(failed(describe(message.error)));
  }

  #close(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    const problem = failed(error.message, error);
    this.#greeted.reject(problem);
    for (const waiting of this.#waiting.values()) waiting.reject(problem);
  }
}

function describe(error: unknown): string {
  const { desc } = (error ?? {}) as { desc?: unknown };
  return typeof desc === 'string' ? desc.slice(0, 400) : 'an error without a description';
}

function failed(found: string, cause?: unknown): Error {
  return keepldrProblem('keepldr/qemu-failed', { found, cause });
}

async function within<T>(promise: Promise<T>, expected: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        keepldrProblem('keepldr/qemu-failed', { expected: `${expected} within ${String(longestAnswer)} ms` }),
      );
    }, longestAnswer);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
