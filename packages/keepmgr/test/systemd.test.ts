// SPDX-License-Identifier: Apache-2.0
//
// The Debian package on a real systemd, which runs on a root of its own in private namespaces: nothing of this machine's
// own systemd, units or files is touched. test/systemd/boot.sh makes it.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { sharedProcessor } from '../../../test/support/simulated-processor.ts';
import { releaseWithStandIn } from '../../keepldr/test/support/release.ts';
import { eventually } from './support/host.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const possible =
  process.getuid?.() === 0 &&
  ['systemd-notify', 'dpkg-deb', 'nsenter', 'unshare'].every((tool) => existsSync(`/usr/bin/${tool}`)) &&
  existsSync('/lib/systemd/systemd') &&
  existsSync('/sys/fs/cgroup/systemd');

interface Machine {
  /** Runs a command in it. @throws Error with what it said */
  readonly run: (...command: string[]) => Promise<string>;
  readonly stop: () => void;
}

async function boot(directory: string): Promise<Machine> {
  const outer = spawn(join(import.meta.dirname, 'systemd', 'boot.sh'), ['legacy', directory], {
    stdio: 'ignore',
    detached: true,
  });
  const stop = (): void => {
    outer.kill('SIGKILL');
    spawnSync('sleep', ['0.3']);
    for (const group of readFileSync(join(directory, 'cgroups'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .reverse()) {
      spawnSync('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
      if (existsSync(group)) rmdirSync(group);
    }
  };
  const inner = (): string => {
    const { pid = 0 } = outer;
    return readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'latin1').trim();
  };
  const run = async (...command: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(
      'nsenter',
      [
        '-t',
        inner(),
        '-m',
        '-p',
        '-C',
        '-u',
        '-i',
        '-n',
        'env',
        '-i',
        'PATH=/usr/sbin:/usr/bin',
        'SYSTEMD_PAGER=',
        ...command,
      ],
      { timeout: 30_000 },
    );
    return stdout;
  };
  try {
    await eventually(
      'systemd is up',
      () =>
        run('systemctl', 'is-active', 'test.target').then(
          () => true,
          () => false,
        ),
      20_000,
    );
  } catch (error) {
    stop();
    throw error;
  }
  return { run, stop };
}

/** Asks the daemon over its socket and prints the status and the body's text. */
const ask = `
  const [, method, path, hex = ''] = process.argv;
  const body = Buffer.from(hex, 'hex');
  const headers = body.length === 0 ? {} : { 'content-type': 'application/cbor', 'content-length': body.length };
  require('node:http').request({ socketPath: '/run/enarx/api.sock', method, path, headers: { host: 'localhost', ...headers } }, (answer) => {
    let text = answer.statusCode + ' ';
    answer.setEncoding('latin1').on('data', (chunk) => (text += chunk)).on('end', () => console.log(text));
  }).end(body);`;

test(
  'the package installs, serves by socket activation, is watched, hands its Keeps on, and goes without a trace',
  { skip: !possible && 'needs root, systemd and cgroup version 1', timeout: 150_000 },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'enarx-systemd-'));
    mkdirSync(join(directory, 'host'));
    const deb = join(directory, 'host', 'enarx.deb');
    const release = join(directory, 'release');
    cpSync(await releaseWithStandIn(), release, { recursive: true });
    writeFileSync(join(release, 'release.json'), JSON.stringify({ release: '0.1.0', measurements: {} }));
    const { file, anchorFile } = await sharedProcessor();
    cpSync(file, join(directory, 'host', 'simulator.cbor'));
    cpSync(anchorFile, join(directory, 'host', 'anchor.pem'));
    execFileSync(join(root, 'packaging', 'build-deb.sh'), [release, process.execPath, deb], {
      env: { ...process.env, COMPRESSION: 'none' },
    });
    const machine = await boot(directory);
    const { run } = machine;
    const api = (method: string, path: string, body = ''): Promise<string> =>
      run('/usr/lib/enarx/node', '--eval', ask, method, path, body);
    const show = async (property: string): Promise<string> =>
      (await run('systemctl', 'show', '--value', '-p', property, 'enarx-keepmgr.service')).trim();
    const keeps = async (): Promise<string> =>
      (await api('GET', '/metrics'))
        .split('\n')
        .filter((line) => line.startsWith('enarx_keeps{'))
        .join();
    try {
      await run('dpkg', '--force-depends', '-i', '/host/enarx.deb');
      await run('install', '-o', 'enarx', '-g', 'enarx', '-m', '700', '-d', '/var/lib/enarx');
      for (const name of ['simulator.cbor', 'anchor.pem'])
        await run(
          'install',
          '-o',
          'enarx',
          '-g',
          'enarx',
          '-m',
          '600',
          `/host/${name}`,
          `/var/lib/enarx/${name}`,
        );
      assert.equal((await run('systemctl', 'is-active', 'enarx-keepmgr.socket')).trim(), 'active');
      assert.equal(await show('ActiveState'), 'inactive', 'nobody has asked yet');
      assert.match(await api('GET', '/healthz'), /^200 ok/);
      await eventually('it says that it is ready', async () =>
        (await show('StatusText')).startsWith('Listening on fd:3'),
      );
      assert.deepEqual(
        [await show('ActiveState'), await show('Type'), await show('NRestarts')],
        ['active', 'notify', '0'],
      );

      const created = await api('POST', '/v1/keeps', 'a16374656563' + '73696d');
      assert.match(created, /^201 /);
      await eventually('a Keep is ready', async () => (await keeps()).includes('{state="ready"} 1'), 20_000);
      const first = await show('MainPID');
      await run('kill', '-KILL', first);
      await eventually(
        'another daemon runs',
        async () => !['0', first].includes(await show('MainPID')) && (await show('ActiveState')) === 'active',
        20_000,
      );
      assert.match(await keeps(), /\{state="ready"\} 1/, 'the Keep of the killed daemon is the new one’s');

      const second = await show('MainPID');
      await run('systemctl', 'kill', '--kill-who=main', '--signal=USR2', 'enarx-keepmgr.service');
      await eventually(
        'a third has taken over',
        async () =>
          !['0', second].includes(await show('MainPID')) && (await show('ActiveState')) === 'active',
        20_000,
      );
      assert.match(await keeps(), /\{state="ready"\} 1/, 'and of one that was told to leave it');

      await run('systemctl', 'stop', 'enarx-keepmgr.socket', 'enarx-keepmgr.service');
      assert.equal((await run('sh', '-c', 'pgrep -u enarx || true')).trim(), '', 'a stop ends all Keeps');

      await run(
        'sh',
        '-c',
        'mkdir -p /run/systemd/system/enarx-keepmgr.service.d && printf "[Service]\\nWatchdogSec=2\\n" > /run/systemd/system/enarx-keepmgr.service.d/w.conf && systemctl daemon-reload && systemctl start enarx-keepmgr.service',
      );
      const watched = await show('MainPID');
      await new Promise((resolve) => setTimeout(resolve, 4000));
      assert.equal(await show('MainPID'), watched, 'a daemon that answers its watchdog stays');
      await run('kill', '-STOP', watched);
      await eventually(
        'one that hangs is replaced',
        async () => !['0', watched].includes(await show('MainPID')),
        20_000,
      );

      await run('dpkg', '--purge', 'enarx');
      for (const path of [
        '/usr/lib/enarx',
        '/var/lib/enarx',
        '/etc/enarx',
        '/usr/lib/systemd/system/enarx-keepmgr.service',
        '/run/enarx/api.sock',
      ])
        await assert.rejects(run('test', '-e', path), Error, path);
      assert.equal((await run('sh', '-c', 'pgrep -u enarx || true')).trim(), '');
    } catch (error) {
      const journal = await run('journalctl', '--no-pager', '-n', '60', '-o', 'cat').catch(() => '');
      throw new Error(`${(error as Error).message}\n${journal}`, { cause: error });
    } finally {
      machine.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
