// SPDX-License-Identifier: Apache-2.0
//
// What QEMU sees and may do, asked of the kernel by a shell in QEMU's place.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';

import { confinedEmulator } from '../../src/backends/vm/confined.ts';
import { findQuoteService, quoteServiceFiles } from '../../src/backends/vm/quote-service.ts';
import { findTool } from '../../src/sandbox/tool.ts';

const place = mkdtempSync(join(tmpdir(), 'enarx-confined-'));
chmodSync(place, 0o755);
after(() => {
  rmSync(place, { recursive: true, force: true });
});
const [image, keep] = [join(place, 'image'), join(place, 'keep')];
for (const directory of [image, keep]) mkdirSync(directory);
writeFileSync(join(image, 'vmlinuz'), 'kernel');
writeFileSync(join(place, 'secret'), 'of the host');

const root = process.getuid?.() === 0;
const works = ((): boolean => {
  const bwrap = findTool('bwrap');
  return (
    bwrap !== undefined && spawnSync(bwrap, ['--unshare-all', '--ro-bind', '/', '/', 'true']).status === 0
  );
})();

/** Runs a script where QEMU would be. */
function inside(script: string, options: { devices?: string[]; services?: string[] } = {}): string {
  const { devices = [], services = [] } = options;
  const { file, args } = confinedEmulator({ qemu: '/usr/bin/sh', image, keep, devices, services });
  const { stdout, stderr } = spawnSync(file, args(['-c', script]), { cwd: keep, env: {}, encoding: 'utf8' });
  return `${stdout}${stderr}`;
}

suite('QEMU in its confinement', works ? {} : { skip: 'bubblewrap makes no namespaces here' }, () => {
  test('has no capability, no way to get one, and no network but its own loopback', () => {
    const status = inside('cat /proc/self/status; cat /proc/net/dev');
    assert.match(status, /^CapEff:\t0{16}$/m);
    assert.match(status, /^CapBnd:\t0{16}$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.deepEqual(
      [...status.matchAll(/^ *(\w+): +\d/gm)].map(([, name]) => name),
      ['lo'],
    );
    if (root) assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
    if (root) assert.match(status, /^Groups:\t *$/m);
  });

  test('reads the image and cannot change it, writes in its Keep, and sees no other file of the host', () => {
    const said = inside(
      `cat /image/vmlinuz; echo; touch /image/x && echo image-written; touch here && echo kept; ls -d ${place} /home /root /etc /var /run; ls /`,
    );
    assert.match(said, /^kernel$/m);
    assert.doesNotMatch(said, /image-written/);
    assert.match(said, /^kept$/m);
    assert.ok(existsSync(join(keep, 'here')));
    for (const path of [place, '/home', '/root', '/var', '/run'])
      assert.doesNotMatch(said, new RegExp(`^${path}$`, 'm'), path);
  });

  test(
    'may open the devices that it is given by their group, and no others',
    { skip: root ? false : 'needs root' },
    () => {
      const device = join(place, 'device');
      writeFileSync(device, 'of the group');
      chownSync(device, 0, 4711);
      chmodSync(device, 0o660);
      assert.match(inside(`cat ${device}`, { devices: [device] }), /^of the group$/);
      assert.match(inside('cat /proc/self/status', { devices: [device] }), /^Groups:\t4711 $/m);
      assert.match(inside(`cat ${device}`), /No such file/);
      chownSync(device, 0, 0);
      assert.match(
        inside(`cat ${device}`, { devices: [device] }),
        /Permission denied/,
        'root is no group to give away',
      );
    },
  );

  test('reaches the quoting service of the host by its socket, where there is one', async () => {
    const socket = join(place, 'qgs.socket');
    assert.deepEqual(findQuoteService(socket), { type: 'vsock', cid: '2', port: '4050' });
    assert.deepEqual(quoteServiceFiles(findQuoteService(socket)), []);
    const server = createServer().listen(socket);
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      const service = findQuoteService(socket);
      assert.deepEqual(service, { type: 'unix', path: socket });
      const said = inside(`test -S ${socket} && echo there`, { services: [...quoteServiceFiles(service)] });
      assert.match(said, /^there$/m);
    } finally {
      server.close();
    }
  });
});
