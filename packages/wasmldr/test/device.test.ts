// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FrameStream } from '@enarx/channel/frame-stream';
import {
  encodeFrameHead,
  encodeMessage,
  encodeProblem,
  EnarxError,
  guestFrame,
  guestLaunch,
} from '@enarx/protocol';
import { serveGuest } from '@enarx/wasmldr';

import { programs } from '../../../test/support/programs.ts';
import { bundledRunner } from '../../../test/support/runner-bundle.ts';
import { connectedPair } from '../../channel/test/support/pipe.ts';
import { Device } from '../src/device.ts';
import { delivered, reaches, startGuest } from './support/guest.ts';

const launch = encodeMessage(guestLaunch, { id: new Uint8Array(16), tee: 'sim' });

describe('a guest whose host', () => {
  test('goes away ends at once and takes its program with it', async () => {
    const guest = await startGuest();
    const frames = await delivered(guest, programs.hotLoop());
    await reaches(guest, 'running');
    guest.device.destroy();
    await guest.ended;
    await assert.rejects(async () => {
      while ((await frames.read()) !== undefined);
      throw new Error('ended');
    });
    frames.destroy();
  });

  const bad: Record<string, readonly [code: string, bytes: Uint8Array]> = {
    'says nothing': ['wasmldr/host-gone', new Uint8Array(0)],
    'says something else first': ['wasmldr/host-misbehaved', Buffer.concat([encodeFrameHead(3, 0)])],
    'says no message': [
      'cbor/malformed',
      Buffer.concat([encodeFrameHead(guestFrame.launch, 1), Uint8Array.of(0xff)]),
    ],
    'sends no frames': ['frame/malformed', Buffer.from('hello')],
  };
  for (const [name, [code, bytes]] of Object.entries(bad)) {
    test(`${name} is not served`, async () => {
      const [host, inside] = await connectedPair();
      const serving = serveGuest({
        device: inside,
        runner: { runner: await bundledRunner() },
        listen: () => Promise.reject(new Error('listened')),
      });
      host.end(bytes);
      await assert.rejects(serving, { code });
      host.destroy();
    });
  }
});

describe('a device', () => {
  async function opened(): Promise<[device: Device, host: FrameStream]> {
    const [host, inside] = await connectedPair();
    const frames = new FrameStream(host);
    await frames.send(guestFrame.launch, launch);
    return [await Device.open(inside), frames];
  }

  test('passes on why there is no evidence', async () => {
    const [device, host] = await opened();
    const asked = device.report(new Uint8Array(64));
    const reason = new EnarxError('keepldr/report-failed', {
      kind: 'unavailable',
      status: 503,
      title: 'No',
      mend: '-',
    });
    await host.send(guestFrame.problem, encodeProblem(reason));
    await assert.rejects(asked, { code: 'keepldr/report-failed' });
    host.destroy();
    await device.closed;
  });

  test('is closed by an answer that is none, and by one that nobody asked for', async () => {
    const [device, host] = await opened();
    const [one, two] = [device.report(new Uint8Array(64)), device.report(new Uint8Array(64))];
    two.catch(() => undefined);
    await host.send(guestFrame.evidence, Uint8Array.of(0xa0));
    await assert.rejects(one, { code: 'message/invalid' });
    await device.closed;
    await assert.rejects(two, { code: 'wasmldr/host-gone' });
    await assert.rejects(device.report(new Uint8Array(64)), { code: 'wasmldr/host-gone' });
    const [other, otherHost] = await opened();
    await otherHost.send(guestFrame.evidence, Uint8Array.of(0xa0));
    await other.closed;
    const [third, thirdHost] = await opened();
    const asked = third.report(new Uint8Array(64));
    await thirdHost.send(guestFrame.launch, launch);
    await assert.rejects(asked, { code: 'wasmldr/host-misbehaved' });
    await third.closed;
  });
});
