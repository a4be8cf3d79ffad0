// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { enarx, errorCode, startHost } from './support/enarx.ts';
import { eventually } from './support/processes.ts';
import { sandbox } from './support/sandbox.ts';

test('an operator cordons, drains and uncordons a host from the command line', async () => {
  using box = await sandbox();
  await using host = await startHost(box);
  const on = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { status, stdout, stderr } = await enarx(box, [...args, '--host', host.url, '--json']);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const shown = await on('host', 'show');
  assert.equal(shown['cordoned'], false);
  assert.ok((shown['tees'] as string[]).includes('sim'));
  const { id } = await on('keep', 'create');
  assert.equal((await on('host', 'cordon'))['cordoned'], true);
  const refused = await enarx(box, ['keep', 'create', '--host', host.url, '--json']);
  assert.equal(errorCode(refused), 'keepmgr/cordoned');
  assert.notEqual((await on('keep', 'show', String(id)))['state'], 'exited', 'what runs goes on');
  assert.equal((await on('host', 'drain'))['cordoned'], true);
  assert.equal((await on('keep', 'show', String(id)))['state'], 'exited');
  assert.equal((await on('host', 'uncordon'))['cordoned'], false);
  const text = await enarx(box, ['host', 'show', '--host', host.url]);
  assert.match(text.stdout, /^release .+\nkinds of Keep: .*sim.*\ntakes new Keeps\n$/);
});

test('a Keep with a lease is stopped at its end, and a renewed one at its new end', async () => {
  using box = await sandbox();
  await using host = await startHost(box);
  const on = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { status, stdout, stderr } = await enarx(box, [...args, '--host', host.url, '--json']);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const [short, long] = [
    await on('keep', 'create', '--lease', '3s'),
    await on('keep', 'create', '--lease', '3s'),
  ];
  const renewed = await on('keep', 'renew', '--lease', '1h', String(long['id']));
  assert.ok(Date.parse(String(renewed['expires'])) > Date.now() + 3_500_000);
  await eventually('its lease is over', async () => {
    const keep = await on('keep', 'show', String(short['id']));
    return keep['state'] === 'exited' && keep['reason'] === 'keep/lease-expired';
  });
  assert.notEqual((await on('keep', 'show', String(long['id'])))['state'], 'exited');
  for (const lease of ['0.5s', '1h30', '9000h', '-1s']) {
    const refused = await enarx(box, ['keep', 'create', '--lease', lease, '--host', host.url, '--json']);
    assert.equal(refused.status, 64, lease);
  }
});
