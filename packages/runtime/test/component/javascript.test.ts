// SPDX-License-Identifier: Apache-2.0
//
// componentize-js carries a JavaScript engine and weighs 380 MB with what it needs, so it is fetched from npm only in CI, or where ENARX_REAL_PROGRAMS=1 asks for it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { packageOfTree, writeTree } from '../files-of.ts';
import { runToEnd } from '../support.ts';
import { ask, said, serving } from './serving.ts';
import { delivered, underJco } from './support.ts';

const wanted = process.env['CI'] === 'true' || process.env['ENARX_REAL_PROGRAMS'] === '1';
const skip = wanted ? false : 'fetches 380 MB from npm: set ENARX_REAL_PROGRAMS=1';
const scratch = mkdtempSync(join(tmpdir(), 'enarx-javascript-'));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** Interfaces come from the package of jco that componentize-js brings along, put one after the other into one text. */
const build = (source: string, version: string, world: string, disabled: string): string => `
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { componentize } from '@bytecodealliance/componentize-js';
const packages = globSync('node_modules/@bytecodealliance/jco/lib/wit/builtin/0.2.12/*/package.wit').map((file) => {
  const text = readFileSync(file, 'utf8').replaceAll('0.2.12', '${version}');
  const [line, name] = /^package ([^;]+);/m.exec(text);
  return 'package ' + name + ' {\\n' + text.replace(line, '') + '\\n}';
});
const world = \`package test:javascript;
world javascript {
  ${world}
}\`;
const { component } = await componentize(readFileSync('${source}.mjs', 'utf8'), {
  witWorld: [world, ...packages].join('\\n'),
  worldName: 'javascript',
  disableFeatures: [${disabled}],
});
writeFileSync('${source}.wasm', component);
`;
const command = build(
  'javascript',
  '0.2.12',
  `import wasi:cli/environment@0.2.12;
  import wasi:cli/stdin@0.2.12;
  import wasi:cli/stdout@0.2.12;
  import wasi:filesystem/preopens@0.2.12;
  export wasi:cli/run@0.2.12;`,
  "'http', 'fetch-event'",
);
/** The engine of componentize-js answers \`fetch\` events by interfaces of this very version. */
const fetching = build(
  'javascript-handler',
  '0.2.10',
  `import wasi:http/outgoing-handler@0.2.10;
  export wasi:http/incoming-handler@0.2.10;`,
  '',
);

function install(): void {
  writeFileSync(join(scratch, 'package.json'), '{}');
  const npm = spawnSync(
    'npm',
    [
      'install',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '@bytecodealliance/componentize-js@0.23.0',
      '@bytecodealliance/jco@1.35.0',
      '@bytecodealliance/preview2-shim@0.26.1',
    ],
    { cwd: scratch, encoding: 'utf8' },
  );
  assert.equal(npm.status, 0, npm.stderr);
}

function makeComponent(source: string, script: string): Uint8Array {
  copyFileSync(join(import.meta.dirname, `${source}.mjs`), join(scratch, `${source}.mjs`));
  writeFileSync(join(scratch, 'build.mjs'), script);
  const made = spawnSync(process.execPath, ['build.mjs'], { cwd: scratch, encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  return readFileSync(join(scratch, `${source}.wasm`));
}

before(() => {
  if (skip === false) install();
});

test(
  "a JavaScript component reads and writes as under jco's own host, and finds its files",
  { skip },
  async () => {
    const component = makeComponent('javascript', command);
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

test('a JavaScript handler answers fetch events, streams, waits and asks others', { skip }, async () => {
  const there = createServer((message, response) => response.end(`of ${message.headers.host ?? ''}`));
  there.listen(0, '127.0.0.1');
  await once(there, 'listening');
  const { port: at } = there.address() as AddressInfo;
  try {
    const component = makeComponent('javascript-handler', fetching);
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
});

/** What it says of its arguments, environment and input, and what of its files. */
function split(output: Buffer): [string, string] {
  const [streams = '', files = ''] = output.toString().split('directory: ');
  return [streams, files];
}
