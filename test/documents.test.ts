// SPDX-License-Identifier: Apache-2.0
//
// Every command that a document shows in a block of `sh` is run here as it stands there, or stands in `elsewhere` with what runs it.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { eventually, nothingRunsIn } from './support/processes.ts';
import { sandbox, type Sandbox } from './support/sandbox.ts';

const root = join(import.meta.dirname, '..');

/** Commands that no test can run, each with what does. */
const elsewhere: readonly (readonly [command: RegExp, by: string])[] = [
  [/^npm (start|test|run check|run build|run bench)$/, 'ci'],
  [/^npm test -- /, 'it is how a single test of these is run'],
  [/^(sudo )?apt-get install /, 'it changes the machine; .ci/run installs the same packages'],
  [/^ssh /, 'it needs a second machine; what it carries is the port of the commands around it'],
  [/examples\/hello\/build\.sh$/, 'test/examples-hello.test.ts, where that compiler is'],
  [/^(rustup|cargo) /, 'the compiler of another machine'],
  [
    /^enarx evidence (bundle|fetch) /,
    'packages/cli/test/evidence-results.test.ts, with real collateral and a server of its own',
  ],
  [
    /^(openssl s_client|curl) /,
    'packages/client/test/sockets.test.ts, with the port and the key of the moment',
  ],
  [
    /^npx @bytecodealliance\/jco@/,
    'it fetches a tool; packages/client/test/component.test.ts runs what it made',
  ],
  [
    /^enarx .*(report\.bin|policy\.toml)/,
    'packages/cli/test/evidence.test.ts and policy tests, with real evidence',
  ],
];

/** Programs that serve until they are stopped. */
const servers = /examples\/(chat|echo|handler|http)\//;

function documents(): string[] {
  const { stdout } = spawnSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' });
  return stdout.split('\n').filter((file) => file !== '' && existsSync(join(root, file)));
}

/** The lines of all blocks of `sh`; a line that ends with a backslash goes on in the next. */
function commandsIn(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
    .flatMap(([, block = '']) => block.replaceAll('\\\n', '').split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** A checkout to run them in: the tracked files that they name, and what was built of them. */
function checkout(box: Sandbox): string {
  const copy = box.path('checkout');
  const { stdout } = spawnSync('git', ['ls-files', 'examples', 'package.json', '.npmrc'], {
    cwd: root,
    encoding: 'utf8',
  });
  for (const file of stdout.split('\n').filter((name) => name !== '' && existsSync(join(root, name))))
    cpSync(join(root, file), join(copy, file));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** A daemon that has ended by itself has failed its test already. */
function endGroup({ pid, exitCode, signalCode }: ReturnType<typeof spawn>): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGTERM');
}

for (const document of documents()) {
  const commands = commandsIn(document).filter(
    (command) => !elsewhere.some(([pattern, by]) => pattern.test(command) && by !== 'ci'),
  );
  const inCi = commands.filter((command) => elsewhere.some(([pattern]) => pattern.test(command)));
  const here = commands.filter((command) => !inCi.includes(command));
  if (inCi.length > 0) {
    test(`what ${document} says to type is what CI runs: ${inCi.join(', ')}`, () => {
      const ci = readFileSync(join(root, '.ci', 'run'), 'utf8');
      for (const command of inCi) {
        const [, name = ''] = /^npm (?:run )?(\w+)$/.exec(command) ?? [];
        assert.match(
          ci,
          new RegExp(`^(?:step '[^']*'|) *npm (?:run (?:--silent )?)?${name}\\b`, 'm'),
          command,
        );
      }
    });
  }
  if (here.length > 0) {
    test(`every command of ${document} does what it says`, { timeout: 120_000 }, async () => {
      using box = await sandbox();
      const cwd = checkout(box);
      // The port of the documents may be taken on this machine.
      const port = String(await freePort());
      const daemons: ReturnType<typeof spawn>[] = [];
      try {
        for (const command of here.map((line) => line.replaceAll('3030', port))) {
          const child = spawn('sh', ['-c', command], {
            cwd,
            env: { ...box.env, npm_config_update_notifier: 'false' },
            stdio: ['ignore', 'pipe', 'pipe'],
            detached: true,
          });
          let printed = '';
          for (const stream of [child.stdout, child.stderr])
            stream.setEncoding('utf8').on('data', (text: string) => (printed += text));
          if (/ keepmgr\b/.test(command)) {
            daemons.push(child);
            await eventually('a daemon that says where its anchor is', () => printed.includes('--anchor /'));
            const [, anchor = ''] = /--anchor (\S+)/.exec(printed) ?? [];
            // The operator gives the file to whoever is to use the host.
            copyFileSync(anchor, join(cwd, 'anchor.pem'));
          } else if (servers.test(command)) {
            daemons.push(child);
            await eventually('a program that says where it listens', () => /127\.0\.0\.1:\d+/.test(printed));
          } else {
            const [status] = (await once(child, 'close')) as [number | null];
            assert.equal(status, 0, `${command}\n${printed}`);
          }
        }
      } finally {
        for (const daemon of daemons) endGroup(daemon);
        await nothingRunsIn(box.root);
      }
    });
  }
}
