// SPDX-License-Identifier: Apache-2.0
//
// The Debian package on a real systemd.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eventually } from './support/host.ts';
import { bootMachine, noMachine } from './support/machine.ts';

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
  { skip: noMachine, timeout: 150_000 },
  async () => {
    const machine = await bootMachine('legacy');
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
      await machine.install();
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
        '/usr/lib/systemd/system/enarx-keep@.service',
        '/usr/share/polkit-1/rules.d/enarx.rules',
        '/run/enarx/api.sock',
      ])
        await assert.rejects(run('test', '-e', path), Error, path);
      assert.equal((await run('sh', '-c', 'pgrep -u enarx || true')).trim(), '');
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await machine.journal()}`, { cause: error });
    } finally {
      machine.stop();
    }
  },
);
