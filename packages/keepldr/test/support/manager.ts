// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { FrameStream } from '@enarx/channel/frame-stream';
import {
  decodeMessage,
  encodeFrameHead,
  encodeMessage,
  ldrHello,
  ldrLaunch,
  ldrLog,
  ldrMoment,
  ldrOpen,
  ldrState,
  managerFrame,
  type LdrHello,
  type LdrLaunch,
  type LdrLog,
  type LdrMoment,
  type LdrState,
} from '@enarx/protocol';

import { sharedProcessor } from '../../../../test/support/simulated-processor.ts';
import { collect, listenOn, ownDirectory, type Listener } from './sockets.ts';
import { releaseWithStandIn } from './release.ts';

/** One control connection of a loader, as a keepmgr sees it. */
export class ControlEnd {
  readonly hello: LdrHello;
  readonly socket: Socket;
  readonly states: LdrState[] = [];
  readonly logs: string[] = [];
  readonly entries: LdrLog[] = [];
  readonly moments: LdrMoment[] = [];
  readonly #frames: FrameStream;
  readonly #changed = new Set<() => void>();
  closed = false;

  private constructor(socket: Socket, frames: FrameStream, hello: LdrHello) {
    this.socket = socket;
    this.#frames = frames;
    this.hello = hello;
    void this.#follow();
  }

  static async over(socket: Socket): Promise<ControlEnd> {
    const frames = new FrameStream(socket);
    const frame = await frames.read();
    if (frame?.kind !== managerFrame.hello) throw new Error('no hello');
    return new ControlEnd(socket, frames, decodeMessage(ldrHello, frame.payload));
  }

  send(kind: number, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    return this.#frames.send(kind, payload);
  }

  /** Waits until the loader has reported the state. */
  async reaches(state: LdrState['state']): Promise<LdrState> {
    for (;;) {
      const found = this.states.find((candidate) => candidate.state === state);
      if (found !== undefined) return found;
      if (this.closed) throw new Error(`closed before ${state}: ${this.logs.join(' | ')}`);
      await new Promise<void>((resolve) => {
        this.#changed.add(resolve);
      });
    }
  }

  async #follow(): Promise<void> {
    try {
      for await (const frame of this.#frames) {
        if (frame.kind === managerFrame.state) this.states.push(decodeMessage(ldrState, frame.payload));
        if (frame.kind === managerFrame.log) {
          const entry = decodeMessage(ldrLog, frame.payload);
          this.entries.push(entry);
          this.logs.push(`${entry.event} ${entry.detail ?? ''}`.trim());
        }
        if (frame.kind === managerFrame.moment) this.moments.push(decodeMessage(ldrMoment, frame.payload));
        this.#wake();
      }
    } catch {
      // The loader was killed.
    }
    this.closed = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#changed) wake();
    this.#changed.clear();
  }
}

export interface Loader extends Disposable {
  readonly child: ChildProcess;
  readonly launch: LdrLaunch;
  readonly manager: Listener;
  /** The Keep's directory. */
  readonly directory: string;
  /** The next control connection. */
  control(): Promise<ControlEnd>;
  /** A relay connection, with the guest at its other end. */
  relay(control: ControlEnd, stream: number): Promise<Socket>;
  /** Gives the stand-in guest a command and reads what it says until it ends. */
  tell(control: ControlEnd, command: string): Promise<string>;
  readonly ended: Promise<unknown>;
}

/** A real loader, with the test in the place of its keepmgr. */
export async function startLoader(
  options: Partial<Pick<LdrLaunch, 'sandbox' | 'request'>> = {},
): Promise<Loader> {
  const own = ownDirectory();
  const directory = join(own.path, 'keep');
  mkdirSync(join(directory, 'guest'), { recursive: true });
  const manager = await listenOn(join(own.path, 'keepldr.sock'));
  const launch: LdrLaunch = {
    id: new Uint8Array(randomBytes(16)),
    tee: 'sim',
    token: new Uint8Array(randomBytes(32)),
    manager: '../keepldr.sock',
    directory,
    simulator: (await sharedProcessor()).file,
    ...options,
  };
  const child = spawn(process.execPath, ['--no-warnings', join(await releaseWithStandIn(), 'keepldr.js')], {
    env: {},
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const payload = encodeMessage(ldrLaunch, launch);
  child.stdin.end(Buffer.concat([encodeFrameHead(0, payload.length), payload]));
  const control = async (): Promise<ControlEnd> => ControlEnd.over(await manager.accept());
  const relay = async (end: ControlEnd, stream: number): Promise<Socket> => {
    await end.send(managerFrame.open, encodeMessage(ldrOpen, { stream }));
    const socket = await manager.accept();
    await readHelloBytes(socket, launch, stream);
    return socket;
  };
  let lastStream = 0;
  return {
    child,
    launch,
    manager,
    directory,
    control,
    relay,
    tell: async (end, command) => {
      const socket = await relay(end, (lastStream += 1));
      socket.write(`${command}\n`);
      const said = await collect(socket);
      socket.end();
      return said.toString();
    },
    ended: once(child, 'exit'),
    [Symbol.dispose]: () => {
      child.kill('SIGKILL');
      manager[Symbol.dispose]();
      own[Symbol.dispose]();
    },
  };
}

/** A relay connection begins with a hello of a length that is known here. */
async function readHelloBytes(socket: Socket, launch: LdrLaunch, stream: number): Promise<void> {
  const payload = encodeMessage(ldrHello, { protocol: 1, id: launch.id, token: launch.token, stream });
  const expected = Buffer.concat([encodeFrameHead(managerFrame.hello, payload.length), payload]);
  let got = Buffer.alloc(0);
  while (got.length < expected.length) {
    if (socket.readableEnded) throw new Error('closed before its hello');
    const next = once(socket, 'data');
    socket.resume();
    const [chunk] = (await next) as [Buffer];
    socket.pause();
    got = Buffer.concat([got, chunk]);
  }
  if (got.length > expected.length) socket.unshift(got.subarray(expected.length));
  got = got.subarray(0, expected.length);
  if (!got.equals(expected)) throw new Error('another hello than that of this relay');
}
