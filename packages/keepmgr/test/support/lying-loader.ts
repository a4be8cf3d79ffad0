// SPDX-License-Identifier: Apache-2.0
//
// In the place of keepldr: says and does what a loader must not. The file `behaviour` beside it says which.
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

import {
  decodeMessage,
  encodeFrameHead,
  encodeMessage,
  FrameReader,
  ldrHello,
  ldrLaunch,
  ldrLog,
  ldrState,
  managerFrame,
  type LdrLaunch,
  type LdrState,
} from '@enarx/protocol';

const [behaviour = '', argument = ''] = readFileSync(join(import.meta.dirname, 'behaviour'), 'utf8').split(
  ' ',
);

function frame(kind: number, payload: Uint8Array): Buffer {
  return Buffer.concat([encodeFrameHead(kind, payload.length), payload]);
}

function hello(
  launch: LdrLaunch,
  changed: { id?: Uint8Array; token?: Uint8Array; stream?: number } = {},
): Buffer {
  const { id, token } = launch;
  return frame(managerFrame.hello, encodeMessage(ldrHello, { protocol: 1, id, token, ...changed }));
}

const state = (word: LdrState['state'], more: Partial<LdrState> = {}): Buffer =>
  frame(managerFrame.state, encodeMessage(ldrState, { state: word, ...more }));

function manager(launch: LdrLaunch): Socket {
  const socket = connect({ path: launch.manager });
  socket.on('error', () => undefined);
  // Whoever is asked to stop, and listens, is no liar.
  socket.resume();
  return socket;
}

const behaviours: Readonly<Record<string, (launch: LdrLaunch) => void>> = {
  silent: () => undefined,
  dies: () => {
    process.stderr.write('no memory\n{"event":"forged"}\n');
    process.exit(3);
  },
  garbage: (launch) => {
    manager(launch).write(Buffer.concat([hello(launch), Buffer.alloc(4096, 0xff)]));
  },
  'wrong-token': (launch) => {
    manager(launch).write(hello(launch, { token: new Uint8Array(32) }));
  },
  'wrong-id': (launch) => {
    manager(launch).write(hello(launch, { id: new Uint8Array(16) }));
  },
  'endless-hello': (launch) => {
    const socket = manager(launch);
    socket.write(encodeFrameHead(managerFrame.hello, 65_536));
    setInterval(() => socket.write(new Uint8Array(1024)), 1).unref();
  },
  'flood-states': (launch) => {
    const socket = manager(launch);
    socket.write(hello(launch));
    for (let i = 0; i < 5000; i += 1) socket.write(state('ready'));
  },
  'flood-logs': (launch) => {
    const socket = manager(launch);
    socket.write(hello(launch));
    const entry = encodeMessage(ldrLog, { time: 0, source: 'keepldr', event: 'x', detail: 'y'.repeat(500) });
    const flood = (): void => {
      for (let i = 0; i < 500; i += 1) socket.write(frame(managerFrame.log, entry));
      setTimeout(flood, 1);
    };
    flood();
  },
  backwards: (launch) => {
    const words = [
      'ready',
      'claimed',
      'ready',
      'exited',
      'ready',
      'exited',
      'launching',
      'ready',
      'exited',
      'ready',
    ];
    manager(launch).write(
      Buffer.concat([hello(launch), ...words.map((word) => state(word as LdrState['state']))]),
    );
  },
  'unknown-kind': (launch) => {
    manager(launch).write(Buffer.concat([hello(launch), frame(9, new Uint8Array(0))]));
  },
  /** Says that the argument's process is one of its guest. */
  strangers: (launch) => {
    const processes = [[1, 0], argument.split(',').map(Number)] as [number, number][];
    manager(launch).write(Buffer.concat([hello(launch), state('ready', { processes })]));
  },
  'bad-reason': (launch) => {
    const reason = '\u001b[2J\n{"event":"forged"}';
    const event = 'x\n{"event":"forged"}';
    const entry = encodeMessage(ldrLog, { time: 0, source: 'keepmgr', event, detail: '\u202e\n' });
    manager(launch).write(
      Buffer.concat([hello(launch), frame(managerFrame.log, entry), state('failed', { reason })]),
    );
  },
  /** Ready, and then deaf: opens nothing and does not stop. */
  deaf: (launch) => {
    const socket = manager(launch);
    socket.pause();
    socket.write(Buffer.concat([hello(launch), state('ready')]));
    process.on('SIGTERM', () => undefined);
  },
  /** Opens connections that nobody asked for. */
  unasked: (launch) => {
    manager(launch).write(Buffer.concat([hello(launch), state('ready')]));
    for (let stream = 1; stream <= 20; stream += 1) manager(launch).write(hello(launch, { stream }));
  },
  'comes-and-goes': (launch) => {
    const again = (): void => {
      const socket = manager(launch);
      socket.write(Buffer.concat([hello(launch), state('ready')]));
      setTimeout(() => {
        socket.destroy();
        again();
      }, 20);
    };
    again();
  },
};

const reader = new FrameReader();
process.stdin.on('data', (chunk: Uint8Array) => {
  for (const { payload } of reader.push(chunk)) {
    const launch = decodeMessage(ldrLaunch, payload);
    process.chdir(launch.directory);
    behaviours[behaviour]?.(launch);
  }
});
setInterval(() => undefined, 1000);
