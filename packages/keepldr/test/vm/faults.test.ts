// SPDX-License-Identifier: Apache-2.0
//
// Machines that hang, die and flood, with a program in the place of QEMU that listens on the same sockets and says what QEMU says.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { after, test } from 'node:test';

import { imageFiles } from '@enarx/image/files';

import { sharedProcessor } from '../../../../test/support/simulated-processor.ts';
import type { InstanceEnd, TeeInstance } from '../../src/backends/backend.ts';
import { launchMachine } from '../../src/backends/vm/vm.ts';
import { GuestSockets } from '../../src/sockets/guest-sockets.ts';

const place = mkdtempSync(join(tmpdir(), 'enarx-vm-'));
after(() => {
  rmSync(place, { recursive: true, force: true });
});
const image = join(place, 'image');
mkdirSync(image);
const measured = { size: 1, sha256: '0'.repeat(64) };
for (const name of [imageFiles.kernel, imageFiles.initrd, imageFiles.firmware, imageFiles.tdxFirmware])
  writeFileSync(join(image, name), 'x');
writeFileSync(
  join(image, imageFiles.manifest),
  JSON.stringify({
    format: 'enarx-image/1',
    release: '0',
    commandLine: 'x',
    kernel: measured,
    initrd: measured,
    firmware: measured,
    tdxFirmware: measured,
    files: [],
    digests: { snp: [], sev: [], 'sev-es': [], tdx: [] },
  }),
);

/** @param acts - what it does when it is told to run the guest; `device` and `channel` are its connections */
function emulator(acts: string): string {
  const file = join(mkdtempSync(join(place, 'q-')), 'qemu');
  writeFileSync(
    file,
    `#!${execPath}
const net = require('node:net');
const fs = require('node:fs');
fs.appendFileSync(__filename + '.starts', 'x');
const starts = () => fs.readFileSync(__filename + '.starts').length;
const frame = (kind, payload) => Buffer.concat([Buffer.from([0x82, kind, 0x59, payload.length >> 8, payload.length & 255]), payload]);
const ready = Buffer.concat([Buffer.from([0x82, 1, 0x4d]), Buffer.from('a1657374617465657265616479', 'hex')]);
let device, channel;
net.createServer((s) => { device = s; s.on('error', () => {}); s.resume(); }).listen('device.sock');
net.createServer((s) => { channel = s; s.on('error', () => {}); s.resume(); }).listen('channel.sock');
net.createServer((s) => {
  s.on('error', () => {});
  s.write('{"QMP": {}}\\r\\n');
  s.on('data', (data) => {
    for (const line of data.toString().split('\\n').filter(Boolean)) {
      const { id, execute } = JSON.parse(line);
      s.write(JSON.stringify({ return: {}, id }) + '\\r\\n');
      if (execute === 'cont') { ${acts} }
    }
  });
}).listen('control.sock');
setInterval(() => {}, 1000);
`,
  );
  chmodSync(file, 0o755);
  return file;
}

interface Trial {
  readonly instance: TeeInstance;
  readonly events: string[];
  readonly directory: string;
  readonly starts: () => number;
}

async function launch(acts: string, longestBoot = 20_000): Promise<Trial> {
  const path = emulator(acts);
  const directory = mkdtempSync(join(place, 'keep-'));
  const events: string[] = [];
  const instance = await launchMachine(
    'vm',
    {
      id: new Uint8Array(16),
      release: place,
      guestDirectory: directory,
      simulator: (await sharedProcessor()).file,
      image,
      sockets: new GuestSockets({ listen: [], dial: [] }),
      onEvent: (event) => events.push(event),
    },
    {
      emulator: { path, version: { major: 7, minor: 2 } },
      confine: () => ({ file: path, paths: { image, keep: '.' }, args: () => [] }),
      longestBoot,
    },
  );
  return { instance, events, directory, starts: () => readFileSync(`${path}.starts`).length };
}

async function endOf({ instance }: Trial): Promise<InstanceEnd> {
  const end = await instance.exited;
  for (const [id] of instance.processes)
    assert.equal(existsSync(`/proc/${String(id)}`), false, 'no process is left');
  return end;
}

test('a guest that never says a word is destroyed when its time is over', async () => {
  const end = await endOf(await launch('', 300));
  assert.equal(end.problem, 'keepldr/guest-hung');
});

test('a machine that dies before its guest said a word is started again twice, and no more', async () => {
  const trial = await launch("console.log('Kernel panic'); process.exit(3);");
  const end = await endOf(trial);
  assert.equal(end.problem, undefined);
  assert.match(end.detail, /status 3: Kernel panic/);
  assert.equal(trial.starts(), 3);
  assert.equal(trial.events.filter((event) => event === 'machine-restarts').length, 2);
});

test('one that dies after its guest has spoken is not started again: its key is gone', async () => {
  const trial = await launch('device.write(ready); setTimeout(() => process.exit(3), 200);');
  const end = await endOf(trial);
  assert.match(end.detail, /^status 3/);
  assert.equal(trial.starts(), 1);
});

test('a console without end is read and dropped, and the machine goes on', async () => {
  const trial = await launch(
    "const b = Buffer.alloc(1 << 20, 'x'); for (let i = 0; i < 64; i++) fs.writeSync(1, b); device.write(ready);",
  );
  const states: string[] = [];
  for await (const state of trial.instance.states) {
    states.push(state);
    await trial.instance.stop();
  }
  assert.deepEqual(states, ['ready']);
  assert.ok((await endOf(trial)).detail.length < 2000);
});

test('a guest that breaks the protocol of its device is destroyed', async () => {
  const end = await endOf(
    await launch(
      "device.write(Buffer.from([0x82, 9, 0x40])); device.write(frame(1, Buffer.from('nonsense')));",
    ),
  );
  assert.equal(end.problem, 'keepldr/guest-misbehaved');
});

test('a guest that breaks the protocol of its port is destroyed', async () => {
  const end = await endOf(await launch('device.write(ready); channel.write(frame(23, Buffer.alloc(0)));'));
  assert.equal(end.problem, 'keepldr/guest-misbehaved');
});

test('a guest that floods its port with openings holds nobody up', async () => {
  const trial = await launch(
    'device.write(ready); for (let i = 1; i < 20000; i += 2) channel.write(Buffer.concat([Buffer.from([0x82, 0, 0x45, 0x1a]), Buffer.from([0, 0, i >> 8, i & 255])]));',
  );
  const end = await endOf(trial);
  assert.equal(end.problem, 'keepldr/guest-misbehaved');
});

test('stopping a machine that boots ends it at once', async () => {
  const trial = await launch('');
  const began = performance.now();
  await trial.instance.stop();
  assert.ok(performance.now() - began < 5000);
  await endOf(trial);
});

test('there is no machine without an image', async () => {
  const options = {
    id: new Uint8Array(16),
    release: place,
    guestDirectory: place,
    sockets: new GuestSockets({ listen: [], dial: [] }),
  };
  await assert.rejects(launchMachine('vm', options), { code: 'keepldr/image-missing' });
});
