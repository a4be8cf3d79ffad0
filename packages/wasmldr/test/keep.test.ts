// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { createIdentity } from '@enarx/channel';
import { encodeMessage, entry, workloadFrame } from '@enarx/protocol';

import { programs } from '../../../test/support/programs.ts';
import {
  announce,
  delivered,
  hear,
  reaches,
  sendDeliver,
  sendModule,
  startGuest,
  type TestGuest,
} from './support/guest.ts';

const stranger = await createIdentity();
const oneByOne = ['ready', 'claimed', 'running', 'exited'];

/** The same program with a custom section of so many bytes behind it (WebAssembly core specification, section 5.5.3). */
function padded(module: Uint8Array, size: number): Uint8Array {
  const length = [0, 7, 14, 21].map((shift) => ((size >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
  const section = Buffer.alloc(size, 0x61);
  section[0] = 1;
  return Buffer.concat([module, Uint8Array.of(0, ...length), section]);
}

describe('a workload', () => {
  test('is taken, run to its end, and nothing but states is told to the host', async () => {
    await using guest = await startGuest();
    const { accepted, stdout, ended } = await hear(await delivered(guest, programs.print('hello\n')));
    assert.deepEqual(
      { accepted, stdout, ended },
      { accepted: true, stdout: 'hello\n', ended: { how: 'exit', code: 0 } },
    );
    await guest.ended;
    assert.deepEqual(guest.states, oneByOne);
  });

  test('hears its owner and is heard', async () => {
    await using guest = await startGuest();
    let said = false;
    const heard = await hear(await delivered(guest, programs.echo()), (frames) => {
      if (said) return;
      said = true;
      void frames.send(workloadFrame.stdin, Buffer.from('to and fro'));
      void frames.send(workloadFrame.stdinEnd);
    });
    assert.equal(heard.stdout, 'to and fro');
    assert.deepEqual(heard.ended, { how: 'exit', code: 0 });
  });

  test('of 75 MB arrives whole, by a runner that was started anew for it', async () => {
    await using guest = await startGuest();
    const module = padded(programs.print('large'), 75_000_000);
    const heard = await hear(await delivered(guest, module, { optimize: 'baseline' }));
    assert.equal(heard.stdout, 'large');
    assert.deepEqual(heard.ended, { how: 'exit', code: 0 });
  });

  test('whose owner reads slowly loses nothing of what it printed', async () => {
    await using guest = await startGuest();
    const frames = await delivered(guest, programs.print('y'.repeat(2_000_000)));
    // Longer than the time for which a runner that has ended is waited for.
    await delay(6000);
    const heard = await hear(frames);
    assert.equal(heard.stdout.length, 2_000_000);
    assert.deepEqual(heard.ended, { how: 'exit', code: 0 });
  });

  test('that passes a limit ends by it', async () => {
    await using guest = await startGuest();
    const heard = await hear(await delivered(guest, programs.hotLoop(), { limits: { wall: 300 } }));
    assert.deepEqual(heard.ended, { how: 'limit', limit: 'wall', value: 300 });
    await guest.ended;
    assert.deepEqual(guest.states, oneByOne);
  });

  test('that needs more memory than it may have at the start is accepted and ends by that limit', async () => {
    await using guest = await startGuest();
    const frames = await delivered(guest, programs.initialMemory(64), { limits: { memory: 65_536 } });
    const { accepted, ended } = await hear(frames);
    assert.deepEqual(
      { accepted, ended },
      { accepted: true, ended: { how: 'limit', limit: 'memory', value: 65_536 } },
    );
  });

  test('brings its files', async () => {
    await using guest = await startGuest();
    const frames = await (await guest.attest('deliver')).deliver();
    const module = programs.print('with files');
    await sendDeliver(frames, announce(module, { package: { entries: 3, bytes: 5 } }));
    const entries = [
      { kind: 'directory', path: '/etc' },
      { kind: 'file', path: '/etc/motd', size: 5 },
      { kind: 'symlink', path: '/etc/link', target: 'motd' },
    ] as const;
    for (const item of entries) {
      await frames.send(workloadFrame.entry, encodeMessage(entry, item));
      if (item.kind === 'file') {
        await frames.send(workloadFrame.content, Buffer.from('hel'));
        await frames.send(workloadFrame.content, Buffer.from('lo'));
      }
    }
    await sendModule(frames, module);
    assert.equal((await hear(frames)).stdout, 'with files');
  });

  test('is no program: the owner learns why, the host that it failed', async () => {
    await using guest = await startGuest();
    const { accepted, problem } = await hear(await delivered(guest, Buffer.from('not a module at all')));
    assert.equal(accepted, false);
    assert.equal(problem?.code, 'wasm/malformed');
    await guest.ended;
    assert.deepEqual(guest.states, ['ready', 'claimed', 'failed']);
  });
});

describe('one workload, from one owner, once:', () => {
  for (const [who, identity] of [
    ['the owner', undefined],
    ['somebody else', stranger],
  ] as const) {
    test(`a second delivery, by ${who}, is refused and the first goes on`, async () => {
      await using guest = await startGuest();
      const first = await (await guest.attest('deliver')).deliver();
      const second = await guest.attest('deliver', identity);
      await assert.rejects(second.deliver(), { code: 'wasmldr/workload-taken', by: 'keep' });
      const module = programs.print('first');
      await sendDeliver(first, announce(module));
      await sendModule(first, module);
      assert.equal((await hear(first)).stdout, 'first');
    });
  }

  test('nobody but the owner may attach or stop', async () => {
    await using guest = await startGuest();
    const early = await guest.attest('attach');
    await assert.rejects(early.attach(), { code: 'wasmldr/not-owner' });
    const frames = await delivered(guest, programs.waitForInput());
    await reaches(guest, 'running');
    await assert.rejects((await guest.attest('attach', stranger)).attach(), { code: 'wasmldr/not-owner' });
    await assert.rejects((await guest.attest('attach', stranger)).stop(), { code: 'wasmldr/not-owner' });
    await frames.send(workloadFrame.stdinEnd);
    assert.deepEqual((await hear(frames)).ended, { how: 'exit', code: 0 });
  });
});

describe('an owner who leaves', () => {
  test('ends a program that was not to outlive the connection', async () => {
    await using guest = await startGuest();
    const frames = await delivered(guest, programs.hotLoop());
    await reaches(guest, 'running');
    frames.destroy();
    await guest.ended;
    assert.deepEqual(guest.states, oneByOne);
  });

  test('finds the result of a detached program when it comes back', async () => {
    await using guest = await startGuest();
    const frames = await delivered(guest, programs.echo(), { detach: true });
    await reaches(guest, 'running');
    frames.destroy();
    await delay(100);
    let asked = 0;
    const heard = await hear(await (await guest.attest('attach')).attach(), (back) => {
      asked += 1;
      void back.send(workloadFrame.stdin, Buffer.from('later'));
      void back.send(workloadFrame.stdinEnd);
    });
    assert.equal(asked, 1, 'what the program had asked for before was not asked again');
    assert.equal(heard.stdout, 'later');
    assert.deepEqual(heard.ended, { how: 'exit', code: 0 });
    // And once more.
    assert.deepEqual((await hear(await (await guest.attest('attach')).attach())).ended, {
      how: 'exit',
      code: 0,
    });
  });

  test('misses nothing that a detached program printed meanwhile, which is held up rather than dropped', async () => {
    await using guest = await startGuest();
    const frames = await delivered(guest, programs.print('z'.repeat(1_000_000)), { detach: true });
    await reaches(guest, 'running');
    frames.destroy();
    await delay(500);
    assert.ok(!guest.states.includes('exited'));
    const { stdout, ended } = await hear(await (await guest.attest('attach')).attach());
    assert.deepEqual(ended, { how: 'exit', code: 0 });
    assert.ok(stdout.length > 1_000_000 - 400_000, `only ${String(stdout.length)} bytes`);
    assert.equal(stdout.replaceAll('z', ''), '');
  });

  test('and attaches twice is heard on the later connection', async () => {
    await using guest = await startGuest();
    const first = await delivered(guest, programs.waitForInput(), { detach: true });
    await reaches(guest, 'running');
    const second = await (await guest.attest('attach')).attach();
    assert.equal((await hear(first)).problem?.code, 'wasmldr/replaced');
    await second.send(workloadFrame.stdinEnd);
    assert.deepEqual((await hear(second)).ended, { how: 'exit', code: 0 });
  });

  test('may stop the program from a connection of its own', async () => {
    await using guest = await startGuest();
    const frames = await delivered(guest, programs.hotLoop());
    await reaches(guest, 'running');
    await (await guest.attest('attach')).stop();
    assert.deepEqual((await hear(frames)).ended, { how: 'stopped' });
  });

  test('may stop a delivery', async () => {
    await using guest = await startGuest();
    const frames = await (await guest.attest('deliver')).deliver();
    await sendDeliver(frames, announce(programs.nothing()));
    await assert.rejects((await guest.attest('attach')).attach(), { code: 'wasmldr/not-running' });
    await (await guest.attest('attach')).stop();
    assert.equal((await hear(frames)).problem?.code, 'wasmldr/stopped');
    await guest.ended;
    assert.deepEqual(guest.states, ['ready', 'claimed', 'failed']);
  });
});

describe('a delivery that', () => {
  const module = programs.print('x'.repeat(200_000));
  const cases: Record<
    string,
    readonly [
      code: string,
      act: (frames: Awaited<ReturnType<typeof delivered>>, guest: TestGuest) => Promise<unknown>,
    ]
  > = {
    'is of another module than announced': [
      'wasmldr/digest-other',
      async (frames) => {
        await sendDeliver(frames, announce(module, { digest: new Uint8Array(32) }));
        await sendModule(frames, module);
      },
    ],
    'is longer than announced': [
      'frame/unexpected',
      async (frames) => {
        await sendDeliver(frames, announce(module, { size: 100_000 }));
        await sendModule(frames, module);
      },
    ],
    'dribbles empty frames': [
      'frame/unexpected',
      async (frames) => {
        await sendDeliver(frames, announce(module));
        await frames.send(workloadFrame.module);
      },
    ],
    'begins with the module': ['frame/unexpected', (frames) => sendModule(frames, module)],
    'is interrupted by input': [
      'frame/unexpected',
      async (frames) => {
        await sendDeliver(frames, announce(module));
        await frames.send(workloadFrame.stdin, Uint8Array.of(1));
      },
    ],
    'is no message': ['cbor/malformed', (frames) => frames.send(workloadFrame.deliver, Uint8Array.of(0xff))],
    'is another message': [
      'message/invalid',
      (frames) => frames.send(workloadFrame.deliver, Uint8Array.of(0xa0)),
    ],
    'has arguments that no program could have': [
      'message/invalid',
      (frames) => sendDeliver(frames, announce(module, { args: ['a\0b'] })),
    ],
    stalls: [
      'wasmldr/delivery-stalled',
      async (frames) => {
        await sendDeliver(frames, announce(module));
        await frames.send(workloadFrame.module, module.subarray(0, 1000));
      },
    ],
    'has files of another size than announced': [
      'frame/unexpected',
      async (frames) => {
        await sendDeliver(frames, announce(module, { package: { entries: 1, bytes: 3 } }));
        await frames.send(workloadFrame.entry, encodeMessage(entry, { kind: 'file', path: '/a', size: 4 }));
      },
    ],
    'has fewer bytes of files than announced': [
      'frame/unexpected',
      async (frames) => {
        await sendDeliver(frames, announce(module, { package: { entries: 1, bytes: 3 } }));
        await frames.send(workloadFrame.entry, encodeMessage(entry, { kind: 'directory', path: '/a' }));
      },
    ],
    'has a file at no path': [
      'files/path',
      async (frames) => {
        await sendDeliver(frames, announce(module, { package: { entries: 1, bytes: 3 } }));
        await frames.send(
          workloadFrame.entry,
          encodeMessage(entry, { kind: 'file', path: '/../a', size: 3 }),
        );
      },
    ],
  };
  for (const [name, [code, act]] of Object.entries(cases)) {
    test(`${name} is refused, and the Keep is spent`, async () => {
      await using guest = await startGuest({ deliverySilence: name === 'stalls' ? 300 : 20_000 });
      const frames = await (await guest.attest('deliver')).deliver();
      const acting = act(frames, guest).catch(() => undefined);
      const { accepted, problem } = await hear(frames);
      await acting;
      assert.equal(problem?.code, code);
      assert.equal(accepted, false);
      await guest.ended;
      assert.deepEqual(guest.states, ['ready', 'claimed', 'failed']);
    });
  }

  test('is cut off half-way spends the Keep, which goes away', async () => {
    await using guest = await startGuest();
    const frames = await (await guest.attest('deliver')).deliver();
    await sendDeliver(frames, announce(module));
    await frames.send(workloadFrame.module, module.subarray(0, 65_536));
    frames.destroy();
    await guest.ended;
    assert.deepEqual(guest.states, ['ready', 'claimed', 'failed']);
  });

  test('is cut off in the middle of a frame spends the Keep, too', async () => {
    await using guest = await startGuest();
    const attested = await guest.attest('deliver');
    const frames = await attested.deliver();
    await sendDeliver(frames, announce(module));
    void frames.send(workloadFrame.module, module.subarray(0, 65_536)).catch(() => undefined);
    attested.destroy();
    await guest.ended;
    assert.deepEqual(guest.states, ['ready', 'claimed', 'failed']);
  });
});

describe('while a program runs', () => {
  const cases: Record<string, readonly [code: string, kind: number, payload: Uint8Array]> = {
    'a second delivery in the same conversation': [
      'frame/unexpected',
      workloadFrame.deliver,
      new Uint8Array(3),
    ],
    'more input than it asked for': ['runner/stdin-beyond-credit', workloadFrame.stdin, new Uint8Array(1)],
    'empty input': ['frame/unexpected', workloadFrame.stdin, new Uint8Array(0)],
    'what only a Keep says': ['frame/unexpected', workloadFrame.ended, new Uint8Array(3)],
  };
  for (const [name, [code, kind, payload]] of Object.entries(cases)) {
    test(`${name} ends the conversation`, async () => {
      await using guest = await startGuest();
      const frames = await delivered(guest, programs.hotLoop());
      await reaches(guest, 'running');
      await frames.send(kind, payload);
      assert.equal((await hear(frames)).problem?.code, code);
      await guest.ended;
      assert.deepEqual(guest.states, oneByOne);
    });
  }

  test('input after its end ends the conversation', async () => {
    await using guest = await startGuest();
    const frames = await delivered(guest, programs.hotLoop());
    await reaches(guest, 'running');
    await frames.send(workloadFrame.stdinEnd);
    await frames.send(workloadFrame.stdinEnd);
    assert.equal((await hear(frames)).problem?.code, 'frame/unexpected');
  });
});
