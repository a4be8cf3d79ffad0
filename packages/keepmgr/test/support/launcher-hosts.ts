// SPDX-License-Identifier: Apache-2.0
//
// Daemons that start their loaders in different ways, as the compliance suite sees them: an API, and commands that are run where they run.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { releaseWithStandIn } from '../../../keepldr/test/support/release.ts';
import { Client } from './client.ts';
import { eventually, stateDirectory } from './host.ts';
import { bootMachine, type ControlGroups, type Machine } from './machine.ts';

export interface LauncherHost {
  readonly client: Client;
  /** State directory, where {@link run} runs. */
  readonly state: string;
  /** What every process of its Keeps, and nobody else's, has in its command line where they run. */
  readonly mark: string;
  /** Runs a command beside the daemon. @throws Error with what it said */
  readonly run: (...command: string[]) => Promise<string>;
  /** Kills the daemon with SIGKILL, and resolves when the next one answers. */
  killDaemon(): Promise<void>;
  /** Lines of the daemons' logs so far. */
  events(): Promise<string>;
  /** Units of Keeps that systemd knows, whatever became of them; nothing where none are used. */
  units(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Values that would lead a daemon astray which believed its environment. */
const hostileEnvironment = {
  DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/nowhere',
  SYSTEMD_BUS_ADDRESS: 'unix:path=/nowhere',
  XDG_RUNTIME_DIR: '/nowhere\n/else',
  TMPDIR: '/nowhere',
  PATH: '',
  LAUNCH: '$(touch /tmp/touched) %i %% "\'\\',
};

/** A daemon of this machine's, with child processes. */
export async function childHost(spareLoaders: number, section = ''): Promise<LauncherHost> {
  const state = await stateDirectory();
  const directory = mkdtempSync(join(tmpdir(), 'enarx-launcher-'));
  const config = join(directory, 'keepmgr.toml');
  writeFileSync(
    config,
    `[limits]\nspareLoaders = ${String(spareLoaders)}\n[launcher]\nkind = "child"\n${section}`,
  );
  const log: string[] = [];
  let daemon: ChildProcess | undefined;
  const start = async (): Promise<Client> => {
    const program = join(await releaseWithStandIn(), 'keepmgr.js');
    const args = ['--listen', 'http://127.0.0.1:0', '--state', state.path, '--config', config];
    const child = spawn(process.execPath, [program, ...args], {
      env: hostileEnvironment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    daemon = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text));
    const line = await Promise.race([
      once(createInterface({ input: child.stdout }), 'line').then(([first]) => first as string),
      once(child, 'exit').then(() => {
        throw new Error(`the daemon ended: ${log.join('')}`);
      }),
    ]);
    return new Client((JSON.parse(line) as { address: string }).address);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (daemon === undefined) return;
    const ended = once(daemon, 'exit');
    daemon.kill(signal);
    await ended;
  };
  let client = await start();
  return {
    get client() {
      return client;
    },
    state: state.path,
    mark: state.path,
    run: async (...[file = '', ...args]) => (await promisify(execFile)(file, args)).stdout,
    killDaemon: async () => {
      await end('SIGKILL');
      client = await start();
    },
    events: () => Promise.resolve(log.join('')),
    units: () => Promise.resolve([]),
    stop: async () => {
      await end('SIGTERM');
      state.remove();
      rmSync(directory, { recursive: true });
    },
  };
}

export interface SystemdHostOptions {
  readonly unit: 'template' | 'transient';
  readonly groups?: ControlGroups;
  /** More of the configuration's section `launcher`. */
  readonly section?: string;
  /** Lines for the template. */
  readonly ceilings?: readonly string[];
}

/**
 * A daemon on a machine with a systemd of its own. With a template it is the package as it is installed, as user enarx; with transient units
 * it is root's.
 */
export async function systemdHost(options: SystemdHostOptions): Promise<LauncherHost & { machine: Machine }> {
  const machine = await bootMachine(options.groups ?? 'legacy');
  try {
    return { ...(await startOn(machine, options)), machine };
  } catch (error) {
    const journal = await machine.journal();
    machine.stop();
    throw new Error(`${(error as Error).message}\n${journal}`, { cause: error });
  }
}

async function startOn(machine: Machine, options: SystemdHostOptions): Promise<LauncherHost> {
  const { unit, section = '', ceilings = [] } = options;
  const { run } = machine;
  await machine.install();
  const template = unit === 'template';
  const service = template ? 'enarx-keepmgr.service' : 'keepmgr-root.service';
  const state = template ? '/var/lib/enarx' : '/var/lib/keepmgr-root';
  const api = template ? '/run/enarx/api.sock' : '/run/keepmgr-root.sock';
  const write = (path: string, text: string): Promise<string> =>
    run('sh', '-c', 'mkdir -p "$(dirname "$1")" && printf %s "$2" > "$1"', 'sh', path, text);
  await write('/etc/enarx/keepmgr.toml', `[launcher]\nkind = "systemd"\nunit = "${unit}"\n${section}`);
  const environment = Object.entries(hostileEnvironment)
    .map(
      ([name, value]) =>
        `Environment="${name}=${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('\n', '\\n')}"`,
    )
    .join('\n');
  if (template) {
    await write(`/run/systemd/system/${service}.d/test.conf`, `[Service]\n${environment}\nWatchdogSec=0\n`);
    await write('/run/systemd/system/enarx-keep@.service.d/test.conf', `[Service]\n${ceilings.join('\n')}\n`);
  } else {
    await run('cp', '-r', '/var/lib/enarx', state);
    await run('chown', '-R', 'root:root', state);
    await write(
      `/run/systemd/system/${service}`,
      `[Service]\nType=notify\nNotifyAccess=all\nKillMode=process\nRestart=always\nRestartSec=1\n${environment}\n` +
        `ExecStart=/usr/lib/enarx/node /usr/lib/enarx/keepmgr.js --state ${state} --listen unix:${api} --config /etc/enarx/keepmgr.toml\n`,
    );
  }
  // What an administrator sets for all services reaches them, and must not reach a loader.
  await run('systemctl', 'set-environment', 'NODE_OPTIONS_OF_NOBODY=--bogus', 'UV_THREADPOOL_SIZE=bogus');
  await run('systemctl', 'daemon-reload');
  await run('systemctl', 'start', service);
  const client = new Client(`unix:${machine.outside(api)}`);
  const mainProcess = async (): Promise<string> =>
    (await run('systemctl', 'show', '--value', '-p', 'MainPID', service)).trim();
  return {
    client,
    state,
    // The machine has its processes to itself.
    mark: '',
    run,
    killDaemon: async () => {
      const before = await mainProcess();
      await run('kill', '-KILL', before);
      await eventually(
        'the next daemon answers',
        async () =>
          !['0', before].includes(await mainProcess()) &&
          (await run('systemctl', 'is-active', service).catch(() => '')).trim() === 'active',
        20_000,
      );
    },
    events: () => run('journalctl', '--no-pager', '-o', 'cat', '-u', service),
    units: async () =>
      (
        await run(
          'systemctl',
          'list-units',
          '--all',
          '--plain',
          '--no-legend',
          'enarx-keep@*',
          'enarx-keep-*',
        )
      )
        .split('\n')
        .filter((line) => line !== ''),
    stop: async () => {
      await run('systemctl', 'stop', service).catch(() => undefined);
      machine.stop();
    },
  };
}
