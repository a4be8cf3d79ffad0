// SPDX-License-Identifier: Apache-2.0
//
// A machine with a systemd of its own: a root, processes, control groups and a network that are private to it. Nothing of this machine's own
// systemd, units or files is touched. ../systemd/boot.sh makes it.
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { sharedProcessor } from '../../../../test/support/simulated-processor.ts';
import { releaseWithStandIn } from '../../../keepldr/test/support/release.ts';
import { eventually } from '../../../keepldr/test/support/sockets.ts';

const root = join(import.meta.dirname, '..', '..', '..', '..');
const tools = ['systemd-notify', 'dpkg-deb', 'nsenter', 'unshare', 'dbus-daemon'];

/** Why there can be no such machine here, or `false`. */
export const noMachine: string | false =
  process.getuid?.() === 0 &&
  tools.every((tool) => existsSync(`/usr/bin/${tool}`)) &&
  existsSync('/lib/systemd/systemd') &&
  existsSync('/usr/lib/polkit-1/polkitd') &&
  existsSync('/sys/fs/cgroup/systemd')
    ? false
    : 'needs root, systemd, dbus, polkitd and control groups of version 1';

/** Which control groups it has: of version 1, whose controllers this kernel has, or of version 2, which has those that are left. */
export type ControlGroups = 'legacy' | 'unified';

export interface Machine {
  /** Runs a command in it. @throws Error with what it said */
  readonly run: (...command: string[]) => Promise<string>;
  /** A path of the machine as this one sees it. */
  outside(path: string): string;
  /** Installs the package that is laid ready for it, with a simulated processor. */
  install(): Promise<void>;
  /** The last lines of its journal. */
  journal(): Promise<string>;
  stop(): void;
}

export async function bootMachine(groups: ControlGroups): Promise<Machine> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-systemd-'));
  mkdirSync(join(directory, 'host'));
  await preparePackage(directory);
  const outer = spawn(join(import.meta.dirname, '..', 'systemd', 'boot.sh'), [groups, directory], {
    stdio: 'ignore',
    detached: true,
  });
  const kill = (): void => {
    outer.kill('SIGKILL');
  };
  // A test that is broken off leaves no machine behind.
  process.once('exit', kill);
  const stop = (): void => {
    process.off('exit', kill);
    kill();
    const groupsMade = readFileSync(join(directory, 'cgroups'), 'utf8').split('\n').filter(Boolean);
    // The kernel gives them back when the last process has gone.
    for (let tries = 0; tries < 100 && groupsMade.some((group) => existsSync(group)); tries += 1) {
      spawnSync('sleep', ['0.1']);
      for (const group of groupsMade)
        spawnSync('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'], { stdio: 'ignore' });
    }
    rmSync(directory, { recursive: true, force: true });
  };
  const inner = (): string => {
    const { pid = 0 } = outer;
    return readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'latin1').trim();
  };
  const run = async (...command: string[]): Promise<string> => {
    const namespaces = ['-m', '-p', '-C', '-u', '-i', '-n'];
    const environment = ['env', '-i', 'PATH=/usr/sbin:/usr/bin', 'SYSTEMD_PAGER='];
    const { stdout } = await promisify(execFile)(
      'nsenter',
      ['-t', inner(), ...namespaces, ...environment, ...command],
      { timeout: 30_000 },
    );
    return stdout;
  };
  const machine: Machine = {
    run,
    stop,
    outside: (path) => `/proc/${inner()}/root${path}`,
    journal: () => run('journalctl', '--no-pager', '-n', '80', '-o', 'cat').catch(() => ''),
    install: async () => {
      const owned = ['install', '-o', 'enarx', '-g', 'enarx'];
      await run('dpkg', '--force-depends', '-i', '/host/enarx.deb');
      await run(...owned, '-m', '700', '-d', '/var/lib/enarx');
      for (const name of ['simulator.cbor', 'anchor.pem'])
        await run(...owned, '-m', '600', `/host/${name}`, `/var/lib/enarx/${name}`);
    },
  };
  try {
    const isUp = (): Promise<boolean> =>
      run('systemctl', 'is-active', 'test.target').then(
        () => true,
        () => false,
      );
    await eventually('systemd is up', isUp, 20_000);
  } catch (error) {
    stop();
    throw error;
  }
  return machine;
}

async function preparePackage(directory: string): Promise<void> {
  const release = join(directory, 'release');
  cpSync(await releaseWithStandIn(), release, { recursive: true });
  writeFileSync(join(release, 'release.json'), JSON.stringify({ release: '0.1.0', measurements: {} }));
  const { file, anchorFile } = await sharedProcessor();
  cpSync(file, join(directory, 'host', 'simulator.cbor'));
  cpSync(anchorFile, join(directory, 'host', 'anchor.pem'));
  execFileSync(
    join(root, 'packaging', 'build-deb.sh'),
    [release, process.execPath, join(directory, 'host', 'enarx.deb')],
    { env: { ...process.env, COMPRESSION: 'none' } },
  );
}
