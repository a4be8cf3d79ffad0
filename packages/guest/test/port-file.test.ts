// SPDX-License-Identifier: Apache-2.0
//
// Ports of the virtio console by their names, with a pipe in the place of the device: what is written comes back.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { openPort } from '../src/port-file.ts';

const place = mkdtempSync(join(tmpdir(), 'enarx-ports-'));
after(() => {
  rmSync(place, { recursive: true });
});
const classDirectory = join(place, 'virtio-ports');
for (const [port, name] of [
  ['vport0p0', undefined],
  ['vport0p1', 'enarx.device'],
  ['vport0p2', 'enarx.channel'],
] as const) {
  mkdirSync(join(classDirectory, port), { recursive: true });
  if (name !== undefined) writeFileSync(join(classDirectory, port, 'name'), `${name}\n`);
}
const where = { classDirectory, devices: place };

test('a port is found by the name that the host gave it, and carries more than a buffer holds', async () => {
  assert.equal(spawnSync('mkfifo', [join(place, 'vport0p2')]).status, 0);
  const port = openPort('enarx.channel', where);
  const sent = Buffer.alloc(200_000, 'there and back. ');
  let received = Buffer.alloc(0);
  port.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  await new Promise((resolve) => port.write(sent, resolve));
  while (received.length < sent.length) await once(port, 'data');
  assert.ok(received.equals(sent));
  port.destroy();
  await once(port, 'close');
  // Something to read, for the thread that still waits for it: nobody asks it to wait again.
  const other = openSync(join(place, 'vport0p2'), 'r+');
  writeSync(other, '.');
  closeSync(other);
});

test('a port that is not there, or no port at all, is told with what there is', () => {
  assert.throws(() => openPort('enarx.other', where), {
    code: 'guest/port-missing',
    message: /found vport0p0, vport0p1, vport0p2; expected enarx\.other/,
  });
  assert.throws(() => openPort('enarx.device', { classDirectory: join(place, 'none') }), {
    code: 'guest/port-missing',
    message: /found none/,
  });
});
