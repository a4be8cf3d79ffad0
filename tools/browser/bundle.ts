// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

import { build, type BuildOptions, type Metafile } from 'esbuild';

const root = join(import.meta.dirname, '..', '..');
const attestation = join(root, 'packages', 'attestation');
export const browserDirectory = join(attestation, 'dist', 'browser');

/** Entry points beside attestation.js, each with a name of its own. They share chunks. */
const parts = ['amd', 'results', 'cmw', 'bundle'] as const;

const common = {
  absWorkingDir: root,
  bundle: true,
  conditions: ['source'] as string[],
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
} as const satisfies BuildOptions;

export interface BrowserSizes {
  /** Bytes after gzip of what a page loads that verifies AMD evidence: amd.js, what it imports, and AMD's authorities. */
  readonly amd: number;
  /** attestation.js with everything that it may load: AMD, Intel and AWS, and policies. */
  readonly all: number;
  /** The same, with results.js (signed results), cmw.js (wrappers) and bundle.js (collateral in one file). */
  readonly everything: number;
  /** The page for auditors, all in one file. */
  readonly page: number;
}

/** Bundles the verifier for browsers, and the page for auditors. @throws when anything of Node's is in it */
export async function bundleForBrowsers(): Promise<BrowserSizes> {
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: {
      attestation: join(attestation, 'src', 'index.ts'),
      ...Object.fromEntries(parts.map((part) => [part, join(attestation, 'src', part, 'index.ts')])),
    },
    outdir: browserDirectory,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    metafile: true,
  });
  rmSync(browserDirectory, { recursive: true, force: true });
  mkdirSync(join(browserDirectory, 'chunks'), { recursive: true });
  const sizes = new Map<string, number>();
  for (const { path, contents, text } of outputFiles) {
    refuseNode(path, text);
    writeFileSync(path, contents);
    sizes.set(relative(root, path), gzipSync(contents, { level: 9 }).length);
  }
  const loadedBy = (entry: string, also: (path: string) => boolean): Set<string> =>
    closure(metafile, relative(root, join(browserDirectory, `${entry}.js`)), also);
  const loaded = loadedBy('amd', (path) => path.includes('/chunks/authorities-'));
  const sum = (paths: Iterable<string>): number =>
    [...paths].reduce((total, path) => total + (sizes.get(path) as number), 0);
  const page = await writePage();
  return {
    amd: sum(loaded),
    all: sum(loadedBy('attestation', () => true)),
    everything: sum(new Set(['attestation', ...parts].flatMap((entry) => [...loadedBy(entry, () => true)]))),
    page,
  };
}

/** Output files that are loaded with `entry`. @param also - dynamic imports that are loaded too */
function closure({ outputs }: Metafile, entry: string, also: (path: string) => boolean): Set<string> {
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const { path: next, kind } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement' || (kind === 'dynamic-import' && also(next))) visit(next);
  };
  visit(entry);
  return found;
}

/** One file without a server: everything inline, and a policy that lets it load and send nothing. */
async function writePage(): Promise<number> {
  const { outputFiles } = await build({
    ...common,
    format: 'iife',
    entryPoints: [join(attestation, 'browser', 'page.mjs')],
  });
  const [output] = outputFiles as [(typeof outputFiles)[number]];
  refuseNode('page', output.text);
  const script = output.text.replaceAll('</script', '<\\/script');
  const template = readFileSync(join(attestation, 'browser', 'verify.html'), 'utf8');
  const style = (/<style>([^]*?)<\/style>/.exec(template) as RegExpExecArray)[1] as string;
  const digest = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const policy = `default-src 'none'; script-src ${digest(script)}; style-src ${digest(style)}; base-uri 'none'; form-action 'none'`;
  const page = template
    .replace('<head>', () => `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`)
    .replace('<script type="module"></script>', () => `<script>${script}</script>`);
  writeFileSync(join(browserDirectory, 'verify.html'), page);
  return gzipSync(page, { level: 9 }).length;
}

function refuseNode(path: string, text: string): void {
  for (const foreign of [
    /\bnode:/,
    /\bBuffer\b/,
    /\bprocess\b(?=\.(env|version|nextTick|getBuiltin))/,
    /\brequire\(/,
  ])
    if (foreign.test(text)) throw new Error(`${path} holds ${String(foreign)}`);
}
