// SPDX-License-Identifier: Apache-2.0
//
// Components in JavaScript, made by componentize-js. It carries a JavaScript engine and weighs 380 MB with what it needs, so it is fetched from npm only in CI, or where
// ENARX_REAL_PROGRAMS=1 asks for it; all tests of this user on this machine share it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const wanted = process.env['CI'] === 'true' || process.env['ENARX_REAL_PROGRAMS'] === '1';
export const noJavascript = wanted ? false : 'fetches 380 MB from npm: set ENARX_REAL_PROGRAMS=1';

const packages = [
  '@bytecodealliance/componentize-js@0.23.0',
  '@bytecodealliance/jco@1.35.0',
  '@bytecodealliance/preview2-shim@0.26.1',
];
const sources = join(import.meta.dirname, '..', '..', 'packages', 'runtime', 'test', 'component');

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
const builds = {
  javascript: build(
    'javascript',
    '0.2.12',
    `import wasi:cli/environment@0.2.12;
  import wasi:cli/stdin@0.2.12;
  import wasi:cli/stdout@0.2.12;
  import wasi:filesystem/preopens@0.2.12;
  export wasi:cli/run@0.2.12;`,
    "'http', 'fetch-event'",
  ),
  /** The engine of componentize-js answers fetch events by interfaces of this very version. */
  'javascript-handler': build(
    'javascript-handler',
    '0.2.10',
    `import wasi:http/outgoing-handler@0.2.10;
  export wasi:http/incoming-handler@0.2.10;`,
    '',
  ),
};

/** Whatever a component is made of: where that changes, it is made anew. */
function directory(): string {
  const hash = createHash('sha256').update(JSON.stringify([packages, builds]));
  for (const source of Object.keys(builds)) hash.update(readFileSync(join(sources, `${source}.mjs`)));
  const parent = join(tmpdir(), `enarx-test-javascript-${userInfo().username}`);
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  return join(parent, hash.digest('hex').slice(0, 16));
}

/** Path of a component that is made of the program with this name. */
export function javascriptComponent(source: keyof typeof builds): string {
  const made = directory();
  // Several test files may come here at once; the first that is done wins.
  if (!existsSync(made)) {
    const scratch = mkdtempSync(`${made}-`);
    try {
      make(scratch);
      if (!existsSync(made)) renameSync(scratch, made);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  return join(made, `${source}.wasm`);
}

function make(scratch: string): void {
  writeFileSync(join(scratch, 'package.json'), '{}');
  const run = (command: string, args: readonly string[]): void => {
    const { status, stderr, error } = spawnSync(command, args, { cwd: scratch, encoding: 'utf8' });
    assert.equal(status, 0, error?.message ?? stderr);
  };
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]);
  for (const [source, script] of Object.entries(builds)) {
    copyFileSync(join(sources, `${source}.mjs`), join(scratch, `${source}.mjs`));
    writeFileSync(join(scratch, 'build.mjs'), script);
    run(process.execPath, ['build.mjs']);
  }
  rmSync(join(scratch, 'node_modules'), { recursive: true, force: true });
}
