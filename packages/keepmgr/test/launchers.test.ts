// SPDX-License-Identifier: Apache-2.0
//
// What every launcher must do, asked of each: the daemon is the real one, and so are its loaders and the systemd that starts them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { formatKeepId, type Keep } from '@enarx/protocol';

import { eventually } from './support/host.ts';
import { childHost, systemdHost, type LauncherHost } from './support/launcher-hosts.ts';
import { noMachine } from './support/machine.ts';

/** MiB, processors and tasks that one Keep may have in these tests, where there are such ceilings. */
const ceilings = { memory: 384, processors: 1.5, tasks: 200 } as const;
const section = `memory = ${String(ceilings.memory)}\nprocessors = ${String(ceilings.processors)}\ntasks = ${String(ceilings.tasks)}\n`;
const template = ['MemoryMax=384M', 'CPUQuota=150%', 'TasksMax=200'];

interface Subject {
  readonly name: string;
  readonly host: () => Promise<LauncherHost>;
  readonly skip?: string | false;
  readonly systemd: boolean;
}

const subjects: readonly Subject[] = [
  { name: 'child processes', host: () => childHost(0), systemd: false },
  { name: 'child processes with a spare', host: () => childHost(1), systemd: false },
  {
    name: 'instances of the template of systemd',
    host: () => systemdHost({ unit: 'template', ceilings: template }),
    skip: noMachine,
    systemd: true,
  },
  {
    name: 'transient units of systemd',
    host: () => systemdHost({ unit: 'transient', section }),
    skip: noMachine,
    systemd: true,
  },
];

/** Process id of a Keep's loader, where the host's commands run. */
async function loaderOf({ run, state }: LauncherHost, id: Uint8Array): Promise<string> {
  const script =
    'for p in $(pgrep -f keepldr.js); do [ "$(readlink "/proc/$p/cwd")" = "$1" ] && echo "$p"; done; true';
  const found = (await run('sh', '-c', script, 'sh', `${state}/keeps/${formatKeepId(id)}`)).trim();
  assert.match(found, /^[0-9]+$/, 'one loader');
  return found;
}

async function runs({ run }: LauncherHost, id: string): Promise<boolean> {
  const state = await run('sh', '-c', 'grep -s "^State" "/proc/$1/status" || true', 'sh', id);
  return /State:\s+[^Z]/.test(state);
}

/** Everything that Keeps leave where they run, if they leave anything. A spare is none's. */
async function leftovers(host: LauncherHost): Promise<string[]> {
  const directories = (await host.run('ls', `${host.state}/keeps`)).split('\n');
  const processes = (await host.run('sh', '-c', 'pgrep -fa "wasmldr|keepldr.js launch.sock" || true')).split(
    '\n',
  );
  const here = processes.filter((line) => !line.includes('pgrep') && line.includes(host.mark));
  return [...directories, ...here, ...(await host.units())]
    .filter((line) => line !== '')
    .map((line) => line.slice(0, 100));
}

async function clean(host: LauncherHost): Promise<void> {
  const deadline = performance.now() + 30_000;
  let left = await leftovers(host);
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(100);
    left = await leftovers(host);
  }
  assert.deepEqual(left, []);
}

async function readyKeep({ client }: LauncherHost): Promise<Keep> {
  const { id } = await client.create();
  const keep = await client.reaches(id, 'ready', 'failed', 'exited');
  assert.equal(keep.state, 'ready', (await client.log(id)).join('\n'));
  return keep;
}

for (const { name, host: start, skip = false, systemd } of subjects) {
  describe(`loaders as ${name}`, { skip, timeout: 300_000 }, () => {
    let host: LauncherHost;
    before(async () => {
      host = await start();
    });
    after(async () => {
      await host.stop();
    });

    test('launch a Keep, which takes what is delivered, tells what happened, and is gone after a stop', async () => {
      const { id } = await readyKeep(host);
      assert.equal(await host.client.tell(id, 'run'), 'running');
      await host.client.reaches(id, 'running');
      const log = (await host.client.log(id)).join('\n');
      for (const event of ['keepmgr launched', 'keepmgr loader-connected', 'keepmgr state-running'])
        assert.ok(log.includes(event), log);
      if (systemd) assert.match(log, /keepmgr systemd Started/);
      const loader = await loaderOf(host, id);
      const stopped = await host.client.stop(id);
      assert.equal(stopped.state, 'exited');
      assert.equal(await runs(host, loader), false);
      await clean(host);
    });

    test('give a loader nothing in its environment and nothing of a Keep in its arguments', async () => {
      const { id } = await readyKeep(host);
      const loader = await loaderOf(host, id);
      assert.equal(await host.run('cat', `/proc/${loader}/environ`), '');
      assert.ok(!(await host.run('cat', `/proc/${loader}/cmdline`)).includes(formatKeepId(id)));
      // bubblewrap's own word: no launcher keeps the loader from its strongest sandbox.
      assert.equal(await host.client.tell(id, 'environment'), '{"PWD":"/keep"}');
      await host.client.remove(id);
    });

    test('kill -9 of a loader ends its Keep, with a reason, and no other', async () => {
      const [one, other] = [await readyKeep(host), await readyKeep(host)];
      await host.client.tell(one.id, 'spin');
      await host.run('kill', '-KILL', await loaderOf(host, one.id));
      const ended = await host.client.reaches(one.id, 'failed', 'exited');
      assert.deepEqual([ended.state, ended.reason], ['failed', 'keepmgr/loader-died']);
      await eventually('the log tells how', async () =>
        (await host.client.log(one.id)).join('\n').includes('loader-ended'),
      );
      const log = (await host.client.log(one.id)).join('\n');
      assert.match(log, /loader-ended (SIGKILL|signal 9|gone)/);
      if (systemd) assert.match(log, /keepmgr systemd .*status=9\/KILL/);
      assert.match(await host.client.tell(other.id, 'pid'), /^[0-9]+$/);
      await host.client.remove(other.id);
      await clean(host);
    });

    test('kill -9 of the daemon leaves Keeps to the next one, which can use and end them', async () => {
      const { id } = await readyKeep(host);
      const loader = await loaderOf(host, id);
      await host.killDaemon();
      await eventually(
        'the loader is back',
        async () => (await host.client.log(id)).includes('keepmgr loader-connected'),
        30_000,
      );
      assert.equal((await host.client.show(id)).state, 'ready');
      assert.equal(await loaderOf(host, id), loader, 'the same loader');
      assert.match(await host.client.tell(id, 'pid'), /^[0-9]+$/);
      if (systemd)
        assert.match(
          (await host.client.log(id)).join('\n'),
          /keepmgr systemd Started/,
          'the journal outlives the daemon',
        );
      await host.client.remove(id);
      assert.equal(await runs(host, loader), false);
      await clean(host);
    });

    test('kill -9 of a loader that the daemon did not start itself is noticed as well', async () => {
      const { id } = await readyKeep(host);
      await host.killDaemon();
      await eventually(
        'the loader is back',
        async () => (await host.client.log(id)).includes('keepmgr loader-connected'),
        30_000,
      );
      await host.run('kill', '-KILL', await loaderOf(host, id));
      const ended = await host.client.reaches(id, 'failed', 'exited');
      assert.equal(ended.reason, 'keepmgr/loader-died');
      await clean(host);
    });

    test('kill -9 of the daemon and of a loader at once leaves nothing to the next daemon', async () => {
      const { id } = await readyKeep(host);
      const loader = await loaderOf(host, id);
      await host.client.tell(id, 'spin');
      await Promise.all([host.killDaemon(), host.run('kill', '-KILL', loader)]);
      const lost = await host.client.reaches(id, 'failed', 'exited');
      assert.equal(lost.state, 'failed');
      await clean(host);
    });

    if (systemd) {
      test('a systemd that is executed anew, and so closes all connections, loses no Keep', async () => {
        const { id } = await readyKeep(host);
        // Some are asked for before its connections close, some meanwhile, some after.
        const others = Array.from({ length: 6 }, async (_, place) => {
          await sleep(place * 60);
          return readyKeep(host);
        });
        await host.run('systemctl', 'daemon-reexec');
        const [other, ...rest] = (await Promise.all(others)) as [Keep, ...Keep[]];
        await host.run('kill', '-KILL', await loaderOf(host, id));
        assert.equal((await host.client.reaches(id, 'failed', 'exited')).reason, 'keepmgr/loader-died');
        assert.match(await host.client.tell(other.id, 'pid'), /^[0-9]+$/);
        for (const one of [other, ...rest]) await host.client.remove(one.id);
        await clean(host);
      });
    }

    test('sixteen at once are sixteen Keeps with sixteen loaders, and nothing is left of them', async () => {
      const keeps = await Promise.all(Array.from({ length: 16 }, () => readyKeep(host)));
      const loaders = await Promise.all(keeps.map(({ id }) => loaderOf(host, id)));
      assert.equal(new Set(loaders).size, 16);
      await Promise.all(keeps.map(({ id }) => host.client.remove(id)));
      await clean(host);
    });
  });
}

describe('loaders as units of systemd', { skip: noMachine, timeout: 300_000 }, () => {
  for (const unit of ['template', 'transient'] as const) {
    test(`${unit}: each Keep is held to its ceilings, which are read back, and one that takes all memory ends alone`, async () => {
      const host = await systemdHost({ unit, section, ceilings: template });
      try {
        const [one, other] = [await readyKeep(host), await readyKeep(host)];
        const loader = await loaderOf(host, one.id);
        const groups = await host.run('cat', `/proc/${loader}/cgroup`);
        const of = (controller: string): string =>
          new RegExp(`^[0-9]+:[^:\n]*\\b${controller}\\b[^:\n]*:(.*)$`, 'm').exec(groups)?.[1] ?? '';
        const read = async (controller: string, file: string): Promise<number> =>
          Number(await host.run('cat', `/sys/fs/cgroup/${controller}${of(controller)}/${file}`));
        assert.match(of('memory'), new RegExp(`^/enarx\\.slice/.*${formatKeepId(one.id)}`));
        assert.equal(await read('memory', 'memory.limit_in_bytes'), ceilings.memory * 1_048_576);
        assert.equal(await read('pids', 'pids.max'), ceilings.tasks);
        assert.equal(
          (await read('cpu', 'cpu.cfs_quota_us')) / (await read('cpu', 'cpu.cfs_period_us')),
          ceilings.processors,
        );
        const told =
          (await host.events()).split('\n').find((line) => line.includes('ceilings-in-force')) ?? '{}';
        const { memory, processors, tasks } = JSON.parse(told) as Record<string, unknown>;
        assert.deepEqual({ memory, processors, tasks }, ceilings);

        await host.client.tell(one.id, 'bomb');
        const ended = await host.client.reaches(one.id, 'failed', 'exited');
        assert.equal(ended.state, 'failed');
        assert.match(await host.client.tell(other.id, 'pid'), /^[0-9]+$/);
        assert.match(await host.client.tell((await readyKeep(host)).id, 'pid'), /^[0-9]+$/);
        // Ends with the daemon, as all Keeps do.
      } finally {
        await host.stop();
      }
    });

    test(`${unit}: a unit that is no Keep's is stopped and forgotten by the next daemon, and one of somebody else's is left alone`, async () => {
      const host = await systemdHost({ unit, section, ceilings: template });
      try {
        const { id } = await readyKeep(host);
        const ours = randomBytes(16).toString('hex');
        const theirs = randomBytes(16).toString('hex');
        const nameOf = (keep: string): string =>
          `enarx-keep${unit === 'template' ? '@' : '-'}${keep}.service`;
        const leave = async (keep: string, directory: string): Promise<void> => {
          await host.run('mkdir', '-p', directory);
          const drop = `[Service]\nExecStart=\nExecStart=/usr/bin/sleep 600\nWorkingDirectory=${directory}\nUser=root\nTemporaryFileSystem=\nBindPaths=\nReadWritePaths=\n`;
          const path = `/run/systemd/system/${nameOf(keep)}${unit === 'template' ? '.d/drop.conf' : ''}`;
          await host.run('sh', '-c', 'mkdir -p "$(dirname "$1")" && printf %s "$2" > "$1"', 'sh', path, drop);
          await host.run('systemctl', 'daemon-reload');
          await host.run('systemctl', 'start', nameOf(keep));
        };
        await leave(ours, `${host.state}/keeps/${ours}`);
        await leave(theirs, `/srv/${theirs}`);
        await host.run('systemctl', 'kill', '--signal=KILL', nameOf(ours));
        await eventually('it has failed', async () =>
          (await host.units()).some((line) => line.includes(ours) && line.includes('failed')),
        );
        await host.killDaemon();
        await eventually(
          'it is forgotten',
          async () => !(await host.units()).some((line) => line.includes(ours)),
        );
        assert.match(await host.events(), new RegExp(`"event":"orphan-unit".*${ours}`));
        const left = (await host.units()).join('\n');
        assert.match(left, new RegExp(theirs));
        assert.match(left, new RegExp(formatKeepId(id)));
        await host.run('systemctl', 'stop', nameOf(theirs));
      } finally {
        await host.stop();
      }
    });
  }

  test('a ceiling that the kernel does not enforce refuses the Keep, unless the configuration allows it, and is told of either way', async () => {
    const refusing = await systemdHost({ unit: 'template', groups: 'unified', ceilings: template });
    try {
      const controllers = await refusing.run('cat', '/sys/fs/cgroup/cgroup.controllers');
      const enforced = ['memory', 'cpu', 'pids'].every((name) => controllers.split(/\s/).includes(name));
      if (enforced) {
        await readyKeep(refusing);
        return;
      }
      const refusal = refusing.client.create();
      await assert.rejects(refusal, { code: 'keepmgr/ceiling-not-enforced', status: 503 });
      assert.match(await refusing.events(), /"event":"ceiling-not-enforced".*"ceiling":"memory","most":384/);
      assert.deepEqual(await refusing.client.list(), []);
      await clean(refusing);
      await refusing.run(
        ...[
          'sh',
          '-c',
          'echo "unenforced = \\"allow\\"" >> /etc/enarx/keepmgr.toml && systemctl restart enarx-keepmgr.service',
        ],
      );
      await readyKeep(refusing);
      const told = (await refusing.events())
        .split('\n')
        .filter((line) => line.includes('"event":"ceiling-not-enforced"'));
      assert.equal(told.length, 6, 'three of the refused Keep, three of the allowed one');
    } finally {
      await refusing.stop();
    }
  });

  test('a template that is not there, and a user who may not start it, are typed refusals that readiness tells of', async () => {
    const host = await systemdHost({ unit: 'template', ceilings: template });
    try {
      assert.equal((await host.client.ask('GET', '/readyz')).status, 200);
      await host.run('mv', '/usr/share/polkit-1/rules.d/enarx.rules', '/var/tmp/');
      await host.run('systemctl', 'restart', 'polkit.service');
      await assert.rejects(host.client.create(), { code: 'keepmgr/systemd-refused', status: 503 });
      await host.run('mv', '/var/tmp/enarx.rules', '/usr/share/polkit-1/rules.d/');
      await host.run('systemctl', 'restart', 'polkit.service');
      await readyKeep(host);
      await host.run(
        'sh',
        '-c',
        'mv /usr/lib/systemd/system/enarx-keep@.service /var/tmp && systemctl daemon-reload',
      );
      await assert.rejects(host.client.create(), { code: 'keepmgr/systemd-refused' });
      const { status, body } = await host.client.ask('GET', '/readyz');
      assert.equal(status, 503);
      assert.match(Buffer.from(body).toString(), /enarx-keep@\.service/);
    } finally {
      await host.stop();
    }
  });

  test('the two kinds of units are confined alike', async () => {
    const host = await systemdHost({ unit: 'transient', section, ceilings: template });
    try {
      const transient = `enarx-keep-${formatKeepId((await readyKeep(host)).id)}.service`;
      const instance = `enarx-keep@${'0'.repeat(32)}.service`;
      // It ends at once, since nobody waits for it; systemd tells of it all the same.
      await host.run('systemctl', 'start', instance).catch(() => undefined);
      const properties = async (unit: string): Promise<Map<string, string>> => {
        const lines = (await host.run('systemctl', 'show', unit)).split('\n');
        return new Map(
          lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
        );
      };
      const [one, other] = [await properties(transient), await properties(instance)];
      const same =
        'NoNewPrivileges ProtectSystem ProtectHome PrivateTmp ProtectClock ProtectControlGroups ProtectKernelModules RestrictRealtime ' +
        'RestrictSUIDSGID LockPersonality SystemCallFilter SystemCallArchitectures SystemCallErrorNumber KeyringMode RemoveIPC DevicePolicy ' +
        'DeviceAllow UMask LimitCORE LimitNOFILE OOMPolicy OOMScoreAdjust Restart Slice KillMode KillSignal TimeoutStopUSec StandardInput ' +
        'StandardOutput StandardError Type LogRateLimitIntervalUSec LogRateLimitBurst SyslogIdentifier MemorySwapMax';
      for (const name of same.split(' ')) {
        assert.ok(one.has(name), name);
        assert.equal(one.get(name), other.get(name), name);
      }
      assert.equal(other.get('CapabilityBoundingSet') ?? '', '');
      assert.equal(one.get('PrivateNetwork'), 'yes', 'no program may have sockets on this host');
    } finally {
      await host.stop();
    }
  });
});
