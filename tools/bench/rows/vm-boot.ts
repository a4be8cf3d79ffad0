// SPDX-License-Identifier: Apache-2.0
//
// Our guest image, from the start of QEMU until its Keep is ready, over the same kernel, processor and machine with a bare HTTP server of Node in an initial file system of the
// same format, until that listens. Both emulated.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

import { imageFiles } from '@enarx/image/files';

import { cpioArchive, type CpioEntry } from '../../../packages/image/src/cpio.ts';
import { findEmulator } from '../../../packages/keepldr/src/backends/vm/emulator.ts';
import { machineArguments } from '../../../packages/keepldr/src/backends/vm/machine.ts';
import { launchMachine } from '../../../packages/keepldr/src/backends/vm/vm.ts';
import { findTool } from '../../../packages/keepldr/src/sandbox/tool.ts';
import { GuestSockets } from '../../../packages/keepldr/src/sockets/guest-sockets.ts';
import { sharedProcessor } from '../../../test/support/simulated-processor.ts';
import { release } from '../host.ts';
import { inPairs, median } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const memory = 512;
const helloPath = 'hello.js';
const hello = `console.log('began');
require('node:http').createServer((request, response) => response.end('hello\\n')).listen(80, () => console.log('listens'));`;
const commandLine = [
  ...['console=ttyS0', 'quiet', 'loglevel=3', 'panic=-1', 'random.trust_cpu=on', 'no_timer_check', 'edd=off'],
  ...['rdinit=/bin/node', '--', `/${helloPath}`],
].join(' ');

interface Boot {
  /** ms until the first line of the first process. */
  readonly began: number;
  /** ms until it listens. */
  readonly listens: number;
}

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const missing = ['qemu-system-x86_64', 'apt-get', 'dpkg-deb', 'xz'].filter(
    (name) => findTool(name) === undefined,
  );
  if (missing.length > 0) {
    console.log(`  skipped: not installed: ${missing.join(', ')}`);
    return [];
  }
  const directory = mkdtempSync(join(tmpdir(), 'enarx-bench-'));
  try {
    const image = join(directory, 'image');
    build(image, directory);
    const initrd = join(directory, 'hello.cpio');
    writeFileSync(initrd, Buffer.concat(helloFileSystem(readFileSync(join(image, imageFiles.initrd)))));
    const boots: Boot[] = [];
    const { ratio, subject, samples } = await inPairs(
      short ? 1 : 5,
      () => untilReady(image, directory),
      async () => {
        const boot = await untilItListens(image, initrd, directory);
        boots.push(boot);
        return boot.listens;
      },
    );
    const mebibytes = (file: string): string => (statSync(file).size / 1_048_576).toFixed(1);
    const began = median(boots.map((boot) => boot.began));
    const listens = median(boots.map((boot) => boot.listens));
    const ms = (value: number): string => `${value.toFixed(0)} ms`;
    return [
      {
        id: 'vm-boot',
        goal: 1.15,
        better: 'lower',
        ratio,
        samples,
        detail:
          `ready after ${ms(subject)} over ${ms(listens)}; of both ${ms(began)} are QEMU, kernel and the start of Node, then ${ms(subject - began)} ours until it is ready, ` +
          `${ms(listens - began)} the server's until it listens; initrd ${mebibytes(join(image, imageFiles.initrd))} MiB over ${mebibytes(initrd)} MiB`,
      },
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** From packages that the tests have fetched, where they have. */
function build(image: string, directory: string): void {
  const packages = join(directory, 'packages');
  const fetched = join(tmpdir(), `enarx-test-packages-${userInfo().username}`);
  if (existsSync(fetched)) cpSync(fetched, packages, { recursive: true });
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(release, 'enarx.js'), 'image', 'build', '--image', image, '--packages', packages],
    {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', HOME: directory, XDG_STATE_HOME: directory },
    },
  );
  if (status !== 0) throw new Error(stderr);
}

/** Our own archive without what is ours, and with the server. */
function helloFileSystem(archive: Buffer): Uint8Array[] {
  const entries: CpioEntry[] = [{ kind: 'file', path: helloPath, content: Buffer.from(hello) }];
  const aligned = (at: number): number => (at + 3) & ~3;
  for (let at = 0; ;) {
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const path = archive.toString('utf8', at + 110, at + 110 + field(11) - 1);
    if (path === 'TRAILER!!!') return cpioArchive(entries);
    const content = aligned(at + 110 + field(11));
    const mode = field(1) & 0o7777;
    const type = field(1) >> 12;
    if (path !== 'enarx' && !path.startsWith('enarx/')) {
      if (type === 4) entries.push({ kind: 'directory', path, mode });
      else if (type === 2) entries.push({ kind: 'device', path, mode, device: [field(9), field(10)] });
      else entries.push({ kind: 'file', path, mode, content: archive.subarray(content, content + field(6)) });
    }
    at = aligned(content + field(6));
  }
}

async function untilReady(image: string, directory: string): Promise<number> {
  const guestDirectory = mkdtempSync(join(directory, 'keep-'));
  const { file } = await sharedProcessor();
  let started = 0;
  const instance = await launchMachine('vm', {
    id: new Uint8Array(16),
    release,
    guestDirectory,
    simulator: file,
    image,
    resources: { memory, vcpus: 1 },
    sockets: new GuestSockets({ listen: [], dial: [] }),
    onEvent: (event) => {
      if (event === 'machine-started') started = performance.now();
    },
  });
  try {
    for await (const state of instance.states) if (state === 'ready') return performance.now() - started;
    throw new Error((await instance.exited).detail);
  } finally {
    await instance.stop();
  }
}

async function untilItListens(image: string, initrd: string, directory: string): Promise<Boot> {
  const { path, version } = await findEmulator();
  const place = mkdtempSync(join(directory, 'hello-'));
  const args = machineArguments({
    ...{ kind: 'vm', version, kernel: join(image, imageFiles.kernel), initrd, commandLine },
    ...{
      firmware: join(image, imageFiles.firmware),
      memory,
      vcpus: 1,
      console: 'output',
      accelerator: 'tcg',
    },
    sockets: {
      control: join(place, 'control.sock'),
      device: join(place, 'device.sock'),
      channel: join(place, 'channel.sock'),
    },
  }).filter((argument) => argument !== '-S');
  const started = performance.now();
  const child = spawn(path, args, { env: {}, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    let began: number | undefined;
    let text = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      text += String(chunk);
      if (text.includes('began')) began ??= performance.now() - started;
      if (began !== undefined && text.includes('listens'))
        return { began, listens: performance.now() - started };
    }
    throw new Error(`the machine ended: ${text}`);
  } finally {
    child.kill('SIGKILL');
  }
}

export default {
  title:
    'the guest image until its Keep is ready, over the same kernel with a bare HTTP server of Node, emulated',
  onlyByName: true,
  measure,
} satisfies BenchModule;
