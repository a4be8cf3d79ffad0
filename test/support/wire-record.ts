// SPDX-License-Identifier: Apache-2.0
//
// Holds what crosses the sockets of a running system against enarx.cddl. The client tells through its tap; the link of loader and
// manager is seen by a proxy on its socket; the device of the guest, which is no socket that anybody could stand between, and the launch
// on standard input by a keepldr that was bundled with a recorder in it. The programs do what they do without being recorded.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, readFileSync, renameSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

import {
  decodeCbor,
  decodeMessage,
  FrameReader,
  guestFrame,
  ldrHello,
  managerFrame,
  type Frame,
} from '@enarx/protocol';
import { build } from 'esbuild';

import { brokenRule, enarxRules } from './cddl/enarx.ts';
import { release } from './sandbox.ts';

export type Direction = 'sent' | 'received';

/** What of the frames is a message, by kind. Kinds that are not here are bulk, or empty. */
const loaderRules: Readonly<Record<Direction, Readonly<Record<number, string>>>> = {
  sent: {
    [managerFrame.hello]: 'ldr-hello',
    [managerFrame.state]: 'ldr-state',
    [managerFrame.log]: 'ldr-log',
    [managerFrame.moment]: 'ldr-moment',
  },
  received: {
    [managerFrame.open]: 'ldr-open',
    [managerFrame.stop]: 'empty',
    [managerFrame.assigned]: 'ldr-assigned',
  },
};
/** From the host's side. */
const deviceRules: Readonly<Record<Direction, Readonly<Record<number, string>>>> = {
  sent: {
    [guestFrame.launch]: 'guest-launch',
    [guestFrame.evidence]: 'evidence',
    [guestFrame.problem]: 'problem',
    [guestFrame.listening]: 'guest-listening',
    [guestFrame.refused]: 'guest-refused',
  },
  received: {
    [guestFrame.state]: 'guest-state',
    [guestFrame.reportRequest]: 'report-request',
    [guestFrame.listen]: 'guest-listen',
    [guestFrame.dial]: 'guest-dial',
    [guestFrame.close]: 'guest-close',
  },
};
/** Names under which a client's tap shows what has no rule. */
const bulk = new Set(['module', 'content', 'stdin', 'stdout', 'stderr']);

export class WireRecord {
  /** How often a message of each rule was seen. */
  readonly seen = new Map<string, number>();
  readonly #broken: string[] = [];

  /** For a client's `tap`. */
  readonly tap = (direction: Direction, rule: string, bytes: Uint8Array): void => {
    if (bulk.has(rule)) this.#count(rule);
    else this.add(rule, bytes, `client, ${direction}`);
  };

  add(rule: string, bytes: Uint8Array, where: string): void {
    this.#count(rule);
    const broken = rule === 'empty' ? (bytes.length === 0 ? undefined : rule) : brokenRule(rule, bytes);
    if (broken !== undefined) this.#broken.push(`${where}: ${broken}`);
  }

  frame(rules: typeof loaderRules, direction: Direction, { kind, payload }: Frame, where: string): void {
    const rule = rules[direction][kind];
    if (rule === undefined) this.#broken.push(`${where}: a frame of kind ${String(kind)}`);
    else this.add(rule, payload, where);
  }

  /** @throws AssertionError when a message broke its rule, or one of these was never seen */
  check(expected: readonly string[]): void {
    assert.deepEqual(this.#broken, []);
    for (const rule of expected) assert.ok(rule === 'empty' || bulk.has(rule) || enarxRules.has(rule), rule);
    assert.deepEqual(
      expected.filter((rule) => !this.seen.has(rule)),
      [],
      'never seen',
    );
  }

  #count(rule: string): void {
    this.seen.set(rule, (this.seen.get(rule) ?? 0) + 1);
  }
}

/** Stands between a running keepmgr and the loaders that connect from now on. @param state - the daemon's state directory */
export async function recordLoaders(state: string, record: WireRecord): Promise<AsyncDisposable> {
  const path = join(state, 'keepldr.sock');
  const real = join(state, 'real.sock');
  renameSync(path, real);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (loader) => {
    const manager = connect({ path: real, allowHalfOpen: true });
    const fromLoader = recorder(record, 'sent');
    const fromManager = recorder(record, 'received');
    loader.on('data', (chunk: Uint8Array) => {
      // On a relay connection the hello is all that is not the client's and the guest's own.
      if (fromLoader(chunk)?.stream !== undefined) fromManager.stop();
    });
    manager.on('data', fromManager);
    for (const [one, other] of [
      [loader, manager],
      [manager, loader],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Recorder {
  (chunk: Uint8Array): ReturnType<typeof decodeMessage<{ stream?: number | undefined }>> | undefined;
  stop(): void;
}

/** Takes the frames of one direction. @returns the hello, while nothing else has come */
function recorder(record: WireRecord, direction: Direction): Recorder {
  const reader = new FrameReader();
  let over = false;
  let hello: { stream?: number | undefined } | undefined;
  const take = (chunk: Uint8Array): typeof hello => {
    // Byte by byte up to the hello, since what follows it may be no frames.
    for (let at = 0; at < chunk.length && !over;) {
      const piece =
        direction === 'sent' && hello === undefined ? chunk.subarray(at, at + 1) : chunk.subarray(at);
      at += piece.length;
      for (const frame of reader.push(piece)) {
        record.frame(loaderRules, direction, frame, `loader, ${direction}`);
        if (direction === 'sent' && hello === undefined) {
          hello = decodeMessage(ldrHello, frame.payload);
          over = hello.stream !== undefined;
        }
      }
    }
    return hello;
  };
  return Object.assign(take, {
    stop: () => {
      over = true;
    },
  });
}

/**
 * A copy of the built release whose keepldr writes down what it reads on standard input and what crosses the device of its guest.
 * @param directory - where the copy is made
 */
export async function recordingRelease(directory: string): Promise<void> {
  const root = join(import.meta.dirname, '..', '..');
  cpSync(release, directory, { recursive: true });
  const sourceOf = (path: string): string => join(root, 'packages', path);
  const write = `
    import { appendFileSync } from 'node:fs';
    import { encodeCbor } from ${JSON.stringify(sourceOf('protocol/src/cbor.ts'))};
    const write = (item) => appendFileSync(import.meta.dirname + '/wire.hex', Buffer.from(encodeCbor(item)).toString('hex') + '\\n');`;
  const replaced: Readonly<Record<string, string>> = {
    '@enarx/channel/frame-stream': `${write}
      import { FrameStream as Real } from ${JSON.stringify(sourceOf('channel/src/frame-stream.ts'))};
      let streams = 0;
      export class FrameStream extends Real {
        #stream = (streams += 1);
        send(kind, payload = new Uint8Array(0)) {
          write([process.pid, this.#stream, 'sent', kind, payload]);
          return super.send(kind, payload);
        }
        async read() {
          const frame = await super.read();
          if (frame !== undefined) write([process.pid, this.#stream, 'received', frame.kind, frame.payload]);
          return frame;
        }
      }`,
    './launch-frame.ts': `${write}
      import { readLaunchFrame as real } from ${JSON.stringify(sourceOf('keepldr/src/launch-frame.ts'))};
      import { encodeMessage, ldrLaunch } from '@enarx/protocol';
      export async function readLaunchFrame() {
        const launch = await real();
        write([process.pid, 0, 'received', 0, encodeMessage(ldrLaunch, launch)]);
        return launch;
      }`,
  };
  await build({
    absWorkingDir: root,
    entryPoints: ['packages/keepldr/src/keepldr-main.ts'],
    outfile: join(directory, 'keepldr.js'),
    bundle: true,
    conditions: ['source'],
    format: 'esm',
    platform: 'node',
    target: 'node26',
    logLevel: 'warning',
    plugins: [
      {
        name: 'recorder',
        setup: (plugin) => {
          plugin.onResolve({ filter: /frame-stream$|launch-frame\.ts$/, namespace: 'file' }, ({ path }) =>
            path in replaced ? { path, namespace: 'recorder' } : undefined,
          );
          plugin.onLoad({ filter: /.*/, namespace: 'recorder' }, ({ path }) => ({
            contents: replaced[path] as string,
            resolveDir: join(root, 'packages', 'keepldr', 'src'),
          }));
        },
      },
    ],
  });
}

/** Adds what the recording keepldrs of a release have written down. */
export function addDevices(directory: string, record: WireRecord): void {
  const lines = readFileSync(join(directory, 'wire.hex'), 'utf8').trimEnd().split('\n');
  const devices = new Set<string>();
  for (const line of lines) {
    const item = Buffer.from(line, 'hex');
    const [pid, stream, direction, kind, payload] = decodeCbor(item, item.length) as [
      number,
      number,
      Direction,
      number,
      Uint8Array,
    ];
    const key = `${String(pid)}/${String(stream)}`;
    if (stream === 0) record.add('ldr-launch', payload, 'standard input of keepldr');
    // The other streams are links to the manager, which the proxy sees.
    if (stream > 0 && direction === 'sent' && kind === 0 && brokenRule('guest-launch', payload) === undefined)
      devices.add(key);
    if (devices.has(key)) record.frame(deviceRules, direction, { kind, payload }, `device, ${direction}`);
  }
}
