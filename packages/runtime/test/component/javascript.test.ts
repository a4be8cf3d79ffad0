// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { javascriptComponent, noJavascript } from '../../../../test/support/javascript-components.ts';
import { packageOfTree, writeTree } from '../files-of.ts';
import { runToEnd } from '../support.ts';
import { ask, said, serving } from './serving.ts';
import { delivered, underJco } from './support.ts';

const scratch = mkdtempSync(join(tmpdir(), 'enarx-javascript-'));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

test(
  "a JavaScript component reads and writes as under jco's own host, and finds its files",
  { skip: noJavascript },
  async () => {
    const component = readFileSync(javascriptComponent('javascript'));
    const tree = { '/data/a.txt': 'A', '/data/sub': undefined };
    const directory = join(scratch, 'files');
    mkdirSync(directory);
    writeTree(directory, tree);
    const args = ['javascript.wasm', 'ünï', ''];
    const env = { GREETING: 'grüß Gott' };
    const stdin = Buffer.from('first\nsecond\n');
    const ours = await runToEnd(await delivered(component), {
      args,
      env: Object.entries(env),
      stdin,
      files: [
        { kind: 'stdin' },
        { kind: 'stdout' },
        { kind: 'stderr' },
        { kind: 'directory', path: '/data', name: '/data' },
      ],
      package: packageOfTree(tree),
    });
    const theirs = await underJco(component, {
      args,
      env,
      stdin,
      directory: { path: join(directory, 'data'), name: '/data' },
    });
    assert.deepEqual(ours.ended, { how: 'exit', code: 0 });
    const [streams, files] = split(ours.stdout);
    // With directories jco's host ends this program; up to there it is the oracle.
    assert.equal(streams, split(theirs.stdout)[0]);
    assert.deepEqual(files.trim().split('\n'), [
      '/data',
      'file: written by JavaScript, true, 21',
      'entries: a.txt regular-file, note.txt regular-file, sub directory',
      '../outside: not-permitted',
      '/outside: not-permitted',
      'missing: no-entry',
    ]);
  },
);

test(
  'a JavaScript handler answers fetch events, streams, waits and asks others',
  { skip: noJavascript },
  async () => {
    const there = createServer((message, response) => response.end(`of ${message.headers.host ?? ''}`));
    there.listen(0, '127.0.0.1');
    await once(there, 'listening');
    const { port: at } = there.address() as AddressInfo;
    try {
      const component = readFileSync(javascriptComponent('javascript-handler'));
      await using server = await serving(component, {}, [{ host: 'there.example', port: 80, at }]);
      const { port } = server;
      for (let i = 0; i < 2; i += 1)
        assert.deepEqual(JSON.parse(await said(port, '/show?a=b', { headers: { 'X-One': 'uno' } })), {
          method: 'GET',
          search: '?a=b',
          header: 'uno',
          // Of an instance that has answered nothing before.
          count: 1,
        });
      const body = Buffer.alloc(300_000, 'there and back. ');
      const echoed = await ask(port, '/echo', { body, headers: { 'content-type': 'text/x' } });
      assert.equal(echoed.headers['content-type'], 'text/x');
      assert.equal(Buffer.compare(echoed.body, body), 0);
      const upper = await ask(port, '/upper', { body: Buffer.from('grüß') });
      assert.deepEqual([upper.status, upper.body.toString()], [201, 'GRÜSS']);
      assert.equal(await said(port, '/slow'), 'slept');
      assert.equal(await said(port, '/fetch?of=http://there.example/'), '200 of there.example');
      assert.equal((await ask(port, '/fetch?of=http://other.example/')).status, 500);
      assert.equal((await ask(port, '/throw')).status, 500);
      assert.equal((await ask(port, '/nothing')).status, 404);
      server.started.run.kill();
      assert.match((await server.started.finished).stderr.toString(), /on purpose/);
    } finally {
      there.closeAllConnections();
      there.close();
    }
  },
);

/** What it says of its arguments, environment and input, and what of its files. */
function split(output: Buffer): [string, string] {
  const [streams = '', files = ''] = output.toString().split('directory: ');
  return [streams, files];
}
