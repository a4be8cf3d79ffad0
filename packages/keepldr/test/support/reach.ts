// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { loaderArguments, loaderFiles } from '../../src/backends/sim/loader-command.ts';
import type { Confinement } from '../../src/sandbox/confinement.ts';
import { sendInputs } from '../../src/sandbox/tool.ts';
import { collect, listenOn, ownDirectory } from './sockets.ts';

/** What a guest managed to do: `yes`, or the error that it met. */
export interface Reach {
  readonly readOwnFile: string;
  readonly writeOwnDirectory: string;
  readonly writeRelease: string;
  readonly readPasswords: string;
  readonly readSibling: string;
  readonly writeRoot: string;
  readonly writeTemporary: string;
  readonly writeDevices: string;
  readonly writeShared: string;
  readonly listHomes: string;
  readonly runShell: string;
  readonly reachLoopback: string;
  readonly reachHostSocket: string;
  readonly reachAbstractSocket: string;
  readonly signalHost: string;
  readonly seeHost: string;
  readonly environment: readonly string[];
  readonly processes: number;
  readonly status: Readonly<Record<string, string>>;
}

/** The guest of these tests tries everything, in a process of its own without Node's permission model when told to escape it. */
const guest = `
const fs = require('node:fs');
const net = require('node:net');
const { spawnSync } = require('node:child_process');
const filename = __filename;
const [, , how, text] = process.argv;
if (how === 'escape') {
  // Node hands its permissions on to a child Node unless it finds that word among the arguments, wherever it stands.
  const inner = spawnSync(process.execPath, [filename, 'stay', text, '--permission'], { env: {}, timeout: 8000 });
  process.stdout.write(inner.stdout.length > 0 ? inner.stdout : JSON.stringify({ escaped: String(inner.error ?? inner.stderr) }));
  process.exit(0);
}
const facts = JSON.parse(text);
const tell = (action) => { try { action(); return 'yes'; } catch (error) { return error.code ?? error.message; } };
// Weaker sandboxes leave the host's own there: nothing may stay.
const leave = (path) => { fs.writeFileSync(path, 'x'); fs.rmSync(path); };
const reach = (options) => new Promise((resolve) => {
  try {
    const socket = net.connect(options);
    socket.on('connect', () => { socket.destroy(); resolve('yes'); });
    socket.on('error', (error) => resolve(error.code));
    setTimeout(() => resolve('silence'), 2000).unref();
  } catch (error) { resolve(error.code ?? error.message); }
});
const status = tell(() => fs.readFileSync('/proc/self/status')) === 'yes' ? fs.readFileSync('/proc/self/status', 'utf8') : '';
(async () => {
  const result = {
    readOwnFile: tell(() => fs.readFileSync(filename)),
    writeOwnDirectory: tell(() => fs.writeFileSync('mine', 'x')),
    writeRelease: tell(() => fs.writeFileSync(filename, 'x')),
    readPasswords: tell(() => fs.readFileSync('/etc/passwd')),
    readSibling: tell(() => fs.readFileSync(facts.sibling)),
    writeRoot: tell(() => fs.writeFileSync('/intruder', 'x')),
    writeTemporary: tell(() => leave('/tmp/' + facts.abstract)),
    writeDevices: tell(() => leave('/dev/' + facts.abstract)),
    writeShared: tell(() => leave('/dev/shm/' + facts.abstract)),
    listHomes: tell(() => fs.readdirSync('/root')),
    runShell: (() => { try { return spawnSync('/bin/sh', ['-c', 'exit 0']).error?.code ?? 'yes'; } catch (error) { return error.code; } })(),
    reachLoopback: await reach({ host: '127.0.0.1', port: facts.port }),
    reachHostSocket: await reach({ path: facts.socket }),
    reachAbstractSocket: await reach({ path: '\\0' + facts.abstract }),
    signalHost: tell(() => process.kill(facts.pid, 0)),
    seeHost: tell(() => fs.readFileSync('/proc/' + facts.pid + '/status')),
    environment: Object.keys(process.env),
    processes: tell(() => fs.readdirSync('/proc')) === 'yes' ? fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length : -1,
    status: Object.fromEntries(status.split('\\n').filter((line) => line.includes(':')).map((line) => line.split(':').map((part) => part.trim()))),
  };
  fs.writeSync(1, JSON.stringify(result));
  process.exit(0);
})();
`;

/** Runs a guest that tries everything in the sandbox. */
export async function reachIn(confinement: Confinement, how: 'stay' | 'escape'): Promise<Reach> {
  using host = ownDirectory();
  const release = join(host.path, 'release');
  const directory = join(host.path, 'keep', 'guest');
  mkdirSync(release);
  mkdirSync(directory, { recursive: true });
  for (const name of loaderFiles) writeFileSync(join(release, name), guest);
  const sibling = join(host.path, 'another-keep');
  writeFileSync(sibling, 'secret');
  using socket = await listenOn(join(host.path, 'keepldr.sock'));
  const abstract = `enarx-test-${String(process.pid)}`;
  using abstractSocket = await listenOn(`\0${abstract}`);
  const tcp = createTcpServer((connection) => connection.destroy());
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const { port } = tcp.address() as AddressInfo;
  const facts = JSON.stringify({
    sibling,
    port,
    socket: socket.path,
    abstract: abstractSocket.path.slice(1),
    pid: process.pid,
  });
  const command = confinement.command({
    node: process.execPath,
    template: [...loaderArguments, how, facts],
    release,
    files: loaderFiles,
    directory,
  });
  const child = spawn(command.file, command.args, {
    cwd: directory,
    env: {},
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', ...command.inputs.map(() => 'pipe' as const)],
  });
  sendInputs(child.stdio, command.inputs);
  try {
    const [output, errors] = await Promise.all([
      collect(child.stdout as Readable),
      collect(child.stderr as Readable),
    ]);
    if (output.length === 0) throw new Error(`the guest said nothing: ${errors.toString()}`);
    return JSON.parse(output.toString()) as Reach;
  } finally {
    tcp.close();
  }
}
