// SPDX-License-Identifier: Apache-2.0
//
// A keepmgr of its own process that launches nothing: null-keepmgr.ts STATE RELEASE. It prints its address.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { argv, execPath, stdout } from 'node:process';

import { referenceTo } from '../../packages/keepldr/src/processes.ts';
import { startKeepmgr } from '../../packages/keepmgr/src/index.ts';
import { sharedProcessor } from '../../test/support/simulated-processor.ts';

const [, , stateDirectory = '', releaseDirectory = ''] = argv;
// A process that has been, so that nothing is killed.
const past = spawn(execPath, ['--version'], { stdio: 'ignore' });
const process = referenceTo(past.pid as number);
await once(past, 'exit');
const many = 1_000_000;
const keepmgr = await startKeepmgr({
  listen: 'http://127.0.0.1:0',
  stateDirectory,
  releaseDirectory,
  simulator: await sharedProcessor(),
  launcher: {
    launch: () =>
      Promise.resolve({ process, begin: () => undefined, exited: new Promise<string>(() => undefined) }),
  },
  limits: { keeps: many, createBurst: many, launchesAtOnce: many, launchTime: 600_000, stopTime: 1 },
});
stdout.write(`${keepmgr.address}\n`);
