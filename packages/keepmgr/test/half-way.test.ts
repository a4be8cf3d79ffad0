// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { releaseWithStandIn } from '../../keepldr/test/support/release.ts';
import { startKeepmgr, type Keepmgr, type KeepmgrOptions, type Launcher } from '../src/index.ts';
import { eventually, stateDirectory } from './support/host.ts';

/** Lets nothing run, and counts its ends. */
class IdleLauncher implements Launcher {
  closed = 0;

  launch(): Promise<never> {
    return Promise.reject(new Error('nothing is launched here'));
  }

  close(): void {
    this.closed += 1;
  }
}

const state = await stateDirectory();
const releaseDirectory = await releaseWithStandIn();
const loaderSocket = join(state.path, 'keepldr.sock');

after(() => {
  state.remove();
});

function start(launcher: Launcher, others: Partial<KeepmgrOptions> = {}): Promise<Keepmgr> {
  return startKeepmgr({
    listen: 'http://127.0.0.1:0',
    stateDirectory: state.path,
    releaseDirectory,
    launcher,
    ...others,
  });
}

/** Open files of this process in the state directory. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      return target.startsWith(state.path) ? [target] : [];
    } catch {
      // The one that read the directory.
      return [];
    }
  });
}

/** What is open may be the simulated processor, which is still being read. */
function nothingOpen(): Promise<void> {
  return eventually('nothing is open', () => openFiles().length === 0);
}

describe('a daemon that comes no further', () => {
  test('than its release lets its state go', async () => {
    const launcher = new IdleLauncher();
    await assert.rejects(start(launcher, { releaseDirectory: state.path }), {
      code: 'keepmgr/release-unreadable',
    });
    assert.equal(launcher.closed, 0, 'it had nothing to do with it yet');
    await nothingOpen();
  });

  test('than its loaders’ socket lets its launcher and its state go', async () => {
    const launcher = new IdleLauncher();
    mkdirSync(loaderSocket);
    await assert.rejects(start(launcher), { code: 'keepmgr/state-unusable' });
    rmSync(loaderSocket, { recursive: true });
    assert.equal(launcher.closed, 1);
    await nothingOpen();
  });

  test('than its API lets everything go, and the next one starts in its place', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const launcher = new IdleLauncher();
    const free = `unix:${join(state.path, 'api.sock')}`;
    await assert.rejects(start(launcher, { listen: [free, `http://127.0.0.1:${String(port)}`] }), {
      code: 'keepmgr/listen-failed',
    });
    taken.close();
    assert.equal(launcher.closed, 1);
    assert.ok(!existsSync(loaderSocket), 'no loader is listened for');
    await nothingOpen();

    const next = new IdleLauncher();
    const keepmgr = await start(next, { listen: free });
    assert.notDeepEqual(openFiles(), []);
    await Promise.all([keepmgr.close(), keepmgr.close('leave')]);
    assert.equal(next.closed, 1);
    await nothingOpen();
  });
});
