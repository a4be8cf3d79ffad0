// SPDX-License-Identifier: Apache-2.0
//
// `npm run test:hardware -- --tee snp --policy FILE` (or tdx, sev, sev-es): the machine's suite on a host that has the processor. Nothing here is SIMULATED, and nothing is skipped: a
// host that lacks something ends it with 69, after `enarx platform` has said what and how to mend it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const root = join(import.meta.dirname, '..');
const hello = join(root, 'examples/hello/hello.wasm');
const { values } = parseArgs({
  options: {
    tee: { type: 'string' },
    policy: { type: 'string' },
    image: { type: 'string' },
    endorsements: { type: 'string' },
  },
});
const { tee, policy, image, endorsements } = values;
if (tee === undefined || !['snp', 'sev', 'sev-es', 'tdx'].includes(tee)) {
  console.error(
    'usage: npm run test:hardware -- --tee snp|tdx --policy FILE [--endorsements FILE] | --tee sev | --tee sev-es   [--image DIR]',
  );
  process.exit(64);
}

/** As `enarx platform --json` says it. */
interface Backend {
  readonly tee: string;
  readonly usable: boolean;
  readonly probes: readonly {
    readonly id: string;
    readonly pass: boolean;
    readonly found: string;
    readonly remedy?: string;
  }[];
}
const platform = enarx(['platform', '--json']);
if (platform.status !== 0) {
  console.error(platform.stderr);
  process.exit(platform.status ?? 70);
}
const { backends } = JSON.parse(platform.stdout) as { backends: readonly Backend[] };
const backend = backends.find((each) => each.tee === tee);
if (backend?.usable !== true) {
  console.error(`This machine cannot run Keeps of kind ${tee}. It lacks:`);
  for (const { id, found, remedy } of backend?.probes.filter(({ pass }) => !pass) ?? [])
    console.error(`  ✗ ${id}: ${found}${remedy === undefined ? '' : `\n      remedy: ${remedy}`}`);
  console.error('Nothing was run.');
  process.exit(69);
}
if ((tee === 'snp' || tee === 'tdx') && policy === undefined) {
  console.error(
    `--tee ${tee} needs --policy FILE: docs/vm.md says how to make one; put the digests of \`enarx image show\` into it.`,
  );
  process.exit(64);
}

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
function enarx(args: readonly string[], input = ''): Result {
  return spawnSync(join(root, 'packages/cli/bin/enarx'), args, {
    cwd: root,
    input,
    encoding: 'utf8',
    timeout: 300_000,
  });
}
const common = [
  '--tee',
  tee,
  ...(policy === undefined ? [] : ['--policy', policy]),
  ...(image === undefined ? [] : ['--image', image]),
  ...(endorsements === undefined ? [] : ['--endorsements', endorsements]),
];

const tests: readonly (readonly [what: string, check: () => void])[] = [
  [
    'the image is what its manifest says',
    () => {
      const { status, stderr } = enarx([
        'image',
        'verify',
        ...(image === undefined ? [] : ['--image', image]),
      ]);
      assert.equal(status, 0, stderr);
    },
  ],
  [
    `a program runs in a Keep of kind ${tee}, on a processor of ${tee === 'tdx' ? "Intel's" : "AMD's"}`,
    () => {
      const { status, stdout, stderr } = enarx(['run', '-v', ...common, hello, 'one'], 'a line\n');
      assert.equal(status, 0, stderr);
      assert.match(stdout, /argument 1: one/);
      assert.match(stdout, /lines read: 1/);
      assert.doesNotMatch(stderr, /SIMULATED/, 'the root is not one of the pinned');
    },
  ],
];

let failed = 0;
for (const [what, check] of tests) {
  try {
    check();
    console.log(`✔ ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`✖ ${what}\n${(error as Error).message}`);
  }
}
console.log(`${String(tests.length - failed)} passed, ${String(failed)} failed, on hardware, --tee ${tee}`);
process.exitCode = failed === 0 ? 0 : 1;
