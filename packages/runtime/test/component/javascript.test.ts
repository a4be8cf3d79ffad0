// SPDX-License-Identifier: Apache-2.0
//
// componentize-js carries a JavaScript engine and weighs 380 MB with what it needs, so it is fetched from npm only in CI, or where ENARX_REAL_PROGRAMS=1 asks for it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { packageOfTree, writeTree } from '../files-of.ts';
import { runToEnd } from '../support.ts';
import { delivered, underJco } from './support.ts';

const wanted = process.env['CI'] === 'true' || process.env['ENARX_REAL_PROGRAMS'] === '1';
const skip = wanted ? false : 'fetches 380 MB from npm: set ENARX_REAL_PROGRAMS=1';
const scratch = mkdtempSync(join(tmpdir(), 'enarx-javascript-'));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** Interfaces come from the package of jco that componentize-js brings along, put one after the other into one text. */
const build = `
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { componentize } from '@bytecodealliance/componentize-js';
const packages = globSync('node_modules/@bytecodealliance/jco/lib/wit/builtin/0.2.12/*/package.wit').map((file) => {
  const text = readFileSync(file, 'utf8');
  const [line, name] = /^package ([^;]+);/m.exec(text);
  return 'package ' + name + ' {\\n' + text.replace(line, '') + '\\n}';
});
const world = \`package test:javascript;
world command {
  import wasi:cli/environment@0.2.12;
  import wasi:cli/stdin@0.2.12;
  import wasi:cli/stdout@0.2.12;
  import wasi:filesystem/preopens@0.2.12;
  export wasi:cli/run@0.2.12;
}\`;
const { component } = await componentize(readFileSync('javascript.mjs', 'utf8'), {
  witWorld: [world, ...packages].join('\\n'),
  worldName: 'command',
  disableFeatures: ['http', 'fetch-event'],
});
writeFileSync('javascript.wasm', component);
`;

function makeComponent(): Uint8Array {
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
  copyFileSync(join(import.meta.dirname, 'javascript.mjs'), join(scratch, 'javascript.mjs'));
  writeFileSync(join(scratch, 'build.mjs'), build);
  const made = spawnSync(process.execPath, ['build.mjs'], { cwd: scratch, encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  return readFileSync(join(scratch, 'javascript.wasm'));
}

test(
  "a JavaScript component reads and writes as under jco's own host, and finds its files",
  { skip },
  async () => {
    const component = makeComponent();
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

/** What it says of its arguments, environment and input, and what of its files. */
function split(output: Buffer): [string, string] {
  const [streams = '', files = ''] = output.toString().split('directory: ');
  return [streams, files];
}
