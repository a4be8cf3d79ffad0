// SPDX-License-Identifier: Apache-2.0
//
// What the client takes from a Keep, and when it says that a step was taken: against a stub Keep and a stub host.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { test } from 'node:test';

import type { Verdict } from '@enarx/attestation';
import type { AttestedChannel } from '@enarx/channel';
import { FrameStream } from '@enarx/channel/frame-stream';
import { connect, createIdentity, moduleFromBytes, type Step } from '@enarx/client';
import { accepted, encodeMessage, ended, formatKeepId, workloadFrame } from '@enarx/protocol';

import { AttestedKeep } from '../src/attested-keep.ts';
import type { RunningProgram } from '../src/running-program.ts';
import { Steps } from '../src/steps.ts';

const verdict: Verdict = {
  verdict: 'accepted',
  format: 'snp',
  simulated: true,
  checks: [],
  claims: undefined,
};
const module = moduleFromBytes(Uint8Array.of(0, 0x61, 0x73, 0x6d));

/** Delivers to a Keep that reads the whole module and then accepts one with `digest`. */
async function delivered(
  digest: Uint8Array,
): Promise<{ result: Promise<RunningProgram>; steps: Step[]; ours: Duplex }> {
  const [ours, theirs] = duplexPair();
  const keep = new FrameStream(theirs);
  void (async () => {
    for await (const { kind } of keep) {
      if (kind !== workloadFrame.module) continue;
      await keep.send(workloadFrame.accepted, encodeMessage(accepted, { digest }));
      await keep.send(workloadFrame.ended, encodeMessage(ended, { how: 'exit', code: 0 }));
    }
  })();
  const steps: Step[] = [];
  const channel = {
    deliver: () => Promise.resolve(new FrameStream(ours)),
  } as unknown as AttestedChannel<'deliver'>;
  const attested = new AttestedKeep(channel, verdict, {
    steps: new Steps((step) => steps.push(step)),
    signal: undefined,
    tap: undefined,
  });
  const result = attested.deliver({ module, args: ['a'], stdout: () => undefined, stderr: () => undefined });
  await result.catch(() => undefined);
  return { result, steps, ours };
}

test('a Keep that accepts the module that was delivered is believed', async () => {
  const { result, steps } = await delivered(module.digest);
  assert.deepEqual(await (await result).ended, { how: 'exit', code: 0 });
  assert.deepEqual(
    steps.map(({ n }) => n),
    [8, 9, 10],
  );
});

test('a Keep that accepts another module ends the conversation', async () => {
  const other = Uint8Array.from(module.digest);
  other[31] = (other[31] as number) ^ 1;
  const { result, steps, ours } = await delivered(other);
  await assert.rejects(result, { code: 'client/keep-answer' });
  assert.ok(steps.every(({ n }) => n < 9));
  assert.ok(ours.destroyed);
});

/** Opens Keep 1 of a host that answers the upgrade `answer` and then says nothing that is TLS. */
async function opened(delay: number, answer: string | undefined): Promise<Step[]> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      setTimeout(() => {
        if (answer === undefined) socket.destroy();
        else socket.write(answer);
        socket.once('data', () => setTimeout(() => socket.end('not TLS'), delay));
      }, delay);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const steps: Step[] = [];
  const host = connect({
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    onStep: (step) => steps.push(step),
  });
  try {
    const keep = host.keep(formatKeepId(new Uint8Array(16).fill(1)));
    await assert.rejects(keep.open({ identity: await createIdentity() }));
    return steps;
  } finally {
    host.close();
    server.close();
  }
}

test('a step is told when it is taken, with what was seen of it', async () => {
  const answer =
    'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: enarx-channel/1\r\n\r\n';
  const steps = await opened(100, answer);
  assert.deepEqual(
    steps.map(({ n }) => n),
    [3, 4, 5],
  );
  const [, relayed, built] = steps as [Step, Step, Step];
  assert.ok(relayed.ms > 80, `the host took its time, ${String(relayed.ms)} ms`);
  assert.match(relayed.detail, /101/);
  assert.equal(built.by, 'host says');
  assert.doesNotMatch(built.detail, /ready/);
});

test('a host that never answers the upgrade is not said to have relayed anything', async () => {
  assert.deepEqual(
    (await opened(1, undefined)).map(({ n }) => n),
    [3],
  );
});
