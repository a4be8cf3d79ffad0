// SPDX-License-Identifier: Apache-2.0
//
// The right to deliver to a Keep is used once, also when the host's daemon is killed in the very write that says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect, createIdentity, moduleFromBytes, type ClientIdentity } from '@enarx/client';
import { EnarxError } from '@enarx/protocol';

import { Faults, faultsMissing, places } from '../packages/keepmgr/test/support/faults.ts';
import { startHost, type TestHost } from './support/enarx.ts';
import { eventually, nothingRunsIn } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { sandbox } from './support/sandbox.ts';
import { trusting } from './support/trusting.ts';

/** Commits of a delivery: that the Keep is claimed, and that its program runs. */
const commits = { claimed: 1, running: 2 } as const;

/** Tries to deliver. @returns the code of the refusal, or `undefined` where the Keep took it */
async function deliver(host: TestHost, name: string, identity: ClientIdentity): Promise<string | undefined> {
  const client = connect({ url: host.url });
  try {
    const unattested = await client.keep(name).open({ identity });
    const ready = await unattested.attest({ purpose: 'deliver', ...(await trusting(host)) });
    const program = await ready.deliver({
      module: moduleFromBytes(programs.hotLoop()),
      args: ['loop'],
      detach: true,
      stdout: 'discard',
      stderr: 'discard',
    });
    await program.ended;
    return undefined;
  } catch (error) {
    if (!(error instanceof EnarxError)) throw error;
    const { code } = error as EnarxError;
    return code;
  } finally {
    client.close();
  }
}

for (const [state, commit] of Object.entries(commits))
  for (const place of ['before', 'torn', 'written'] as const)
    test(
      `a daemon that is killed at the write of ${state}, ${place}: the Keep takes no second delivery`,
      {
        skip: faultsMissing(),
        timeout: 120_000,
      },
      async () => {
        using box = await sandbox();
        const directory = box.path('host');
        using faults = new Faults(directory);
        const first = await startHost({ ...box, env: { ...box.env, ...faults.env } }, { state: directory });
        const owner = await createIdentity();
        const client = connect({ url: first.url });
        const keep = await client.createKeep({ tee: 'sim' });
        await eventually('the Keep is ready', async () => (await keep.show()).state === 'ready');
        client.close();
        faults.set('stopWhere', places[place]);
        faults.set('stopAt', faults.get('commits') + commit);
        const delivery = deliver(first, keep.name, owner);
        await eventually('the daemon is at the write', () => faults.get('waiting') !== 0);
        await first.stop('SIGKILL');
        assert.notEqual(await delivery, undefined, 'the client knows that it was cut off');

        await using next = await startHost(box, { state: directory });
        const again = connect({ url: next.url });
        await eventually('the Keep is found again', async () => {
          const { state: word } = await again.keep(keep.name).show();
          return word !== 'launching' && word !== 'ready';
        });
        again.close();
        for (const identity of [owner, await createIdentity()]) {
          const code = await deliver(next, keep.name, identity);
          // A delivery that was cut off in its middle ends the Keep.
          const refusals =
            state === 'claimed' ? ['wasmldr/workload-taken', 'keep/ended'] : ['wasmldr/workload-taken'];
          assert.ok(refusals.includes(code ?? 'taken'), String(code));
        }
        const last = connect({ url: next.url });
        await last.keep(keep.name).remove();
        last.close();
        await sleep(100);
        await next.stop();
        await nothingRunsIn(box.root);
      },
    );
