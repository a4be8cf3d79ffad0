// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from 'node:net';

import { keepmgrProblem } from '../problems.ts';
import { decodeMessage, encodeCall, messageKind, type Message, type MethodCall } from './message.ts';
import type { DbusValue } from './signature.ts';

/** Milliseconds for the connection and for each call. systemd answers in one or two; a job is waited for elsewhere. */
const longestAnswer = 10_000;
const longestGreeting = 4096;
/** What is found when a connection ends before its answers have come. */
export const connectionLost = 'the connection is gone';

/**
 * One connection to a bus, or to whoever speaks D-Bus without one, as systemd does on its private socket. Authentication is EXTERNAL: the
 * kernel tells the other end who we are.
 */
export class DbusConnection {
  readonly #socket: Socket;
  readonly #calls = new Map<
    number,
    { resolve(body: readonly DbusValue[]): void; reject(error: Error): void }
  >();
  readonly #signal: (message: Message) => void;
  #serial = 0;
  #rest: Buffer = Buffer.alloc(0);
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, rest: Buffer, signal: (message: Message) => void) {
    this.#socket = socket;
    this.#signal = signal;
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#fail(connectionLost);
        resolve();
      });
    });
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    if (rest.length > 0) this.#receive(rest);
  }

  /**
   * @param path - of the Unix socket
   * @param signal - receives every signal that comes
   * @throws EnarxError `keepmgr/systemd-unreachable`
   */
  static async open(path: string, signal: (message: Message) => void): Promise<DbusConnection> {
    const socket = connect({ path });
    try {
      return new DbusConnection(socket, await authenticate(socket), signal);
    } catch (cause) {
      socket.destroy();
      throw keepmgrProblem('keepmgr/systemd-unreachable', {
        found: `${path}: ${(cause as Error).message}`,
        cause,
      });
    }
  }

  /** @throws EnarxError `keepmgr/systemd-refused` with the name of the error first, `keepmgr/systemd-unreachable` */
  call(call: MethodCall): Promise<readonly DbusValue[]> {
    this.#serial += 1;
    const serial = this.#serial;
    return new Promise<readonly DbusValue[]>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#calls.delete(serial);
        reject(keepmgrProblem('keepmgr/systemd-unreachable', { found: `no answer to ${call.member}` }));
      }, longestAnswer);
      const settled = (action: () => void): void => {
        clearTimeout(timer);
        this.#calls.delete(serial);
        action();
      };
      this.#calls.set(serial, {
        resolve: (body) => {
          settled(() => {
            resolve(body);
          });
        },
        reject: (error) => {
          settled(() => {
            reject(error);
          });
        },
      });
      if (this.#socket.destroyed) this.#fail(connectionLost);
      else this.#socket.write(encodeCall(serial, call));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /** A connection that is held for signals only must not keep the process alive. */
  unref(): void {
    this.#socket.unref();
  }

  #receive(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    try {
      for (;;) {
        const found = decodeMessage(this.#rest);
        if (found === undefined) return;
        const [message, length] = found;
        this.#rest = this.#rest.subarray(length);
        this.#take(message);
      }
    } catch (error) {
      this.#fail((error as Error).message);
      this.#socket.destroy();
    }
  }

  #take(message: Message): void {
    const { kind, replyTo, error, body } = message;
    if (kind === messageKind.signal) this.#signal(message);
    const call = replyTo === undefined ? undefined : this.#calls.get(replyTo);
    if (kind === messageKind.reply) call?.resolve(body);
    else if (kind === messageKind.error) {
      const [text] = body;
      call?.reject(
        keepmgrProblem('keepmgr/systemd-refused', {
          found: `${error}: ${typeof text === 'string' ? text : ''}`,
        }),
      );
    }
  }

  #fail(found: string): void {
    for (const call of this.#calls.values())
      call.reject(keepmgrProblem('keepmgr/systemd-unreachable', { found }));
  }
}

/** The specification's "Authentication Protocol", as far as EXTERNAL needs it. Resolves with what came behind it. */
function authenticate(socket: Socket): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let answer = Buffer.alloc(0);
  const timer = setTimeout(() => {
    reject(new Error('no answer'));
  }, longestAnswer);
  const failed = (error?: Error): void => {
    reject(error ?? new Error('closed'));
  };
  const receive = (chunk: Buffer): void => {
    answer = Buffer.concat([answer, chunk]);
    const end = answer.indexOf('\r\n');
    if (end < 0 && answer.length < longestGreeting) return;
    const line = answer.subarray(0, Math.max(0, end)).toString('latin1');
    if (!/^OK [0-9a-f]{32}$/.test(line)) {
      reject(new Error(`not authenticated: ${line}`));
      return;
    }
    resolve(answer.subarray(end + 2));
  };
  const identity = Buffer.from(String(process.getuid?.() ?? 0), 'latin1').toString('hex');
  socket.on('data', receive).on('error', failed).on('close', failed);
  // BEGIN goes along at once, as systemd's own clients do: its server leaves a call unread that comes in one piece with the word.
  socket.write(`\0AUTH EXTERNAL ${identity}\r\nBEGIN\r\n`);
  return promise.finally(() => {
    clearTimeout(timer);
    // An error is followed by a close, which says all that counts from here on.
    socket.off('data', receive).off('close', failed);
  });
}
