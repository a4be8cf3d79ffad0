// SPDX-License-Identifier: Apache-2.0
import { basename, join } from 'node:path';

import type { Plugin } from 'esbuild';

import { bundling, bundlingForKeep, root, strict } from './bundling.ts';

const entry = 'runner-main';

/**
 * Bundles the runner into one file, as CommonJS, which Node loads sooner than a module. What only components need, a third of it, stands in there as text that is
 * compiled when there is a component: a parser goes through all else at every start, 3 ms for this part.
 */
export async function bundleRunner(outfile: string): Promise<void> {
  const { build, transform } = await import('esbuild');
  const { outputFiles } = await build({
    ...bundling,
    minifyWhitespace: false,
    minifySyntax: false,
    entryPoints: { [entry]: 'packages/runtime/src/runner-main.ts' },
    splitting: true,
    write: false,
    outdir: join(root, 'runner'),
  });
  const chunks = new Map(outputFiles.map(({ path, text }) => [`./${basename(path)}`, text]));
  const main = chunks.get(`./${entry}.js`) ?? '';
  const [call, component = ''] = /import\("(\.\/component-program-\w+\.js)"\)/.exec(main) ?? [];
  const shared = [...chunks.keys()].filter((name) => ![component, `./${entry}.js`].includes(name));
  if (call === undefined || shared.length !== 1)
    throw new Error(`other parts than expected: ${[...chunks.keys()].join(', ')}`);
  const later = await transform(asFunctionBody(chunks.get(component) ?? ''), { ...minified, format: 'cjs' });
  chunks.set(
    './later.js',
    [
      `import * as shared from ${JSON.stringify(shared[0])};`,
      `const text = ${JSON.stringify(strict + later.code)};`,
      'export async function laterPart() { return new Function("shared", text)(shared); }',
    ].join('\n'),
  );
  chunks.set(
    `./${entry}.js`,
    `import { laterPart } from "./later.js";\n${main.replaceAll(call, 'laterPart()')}`,
  );
  await build({ ...bundlingForKeep, entryPoints: [`./${entry}.js`], outfile, plugins: [among(chunks)] });
}

const minified = { minifyWhitespace: true, minifySyntax: true, target: bundling.target } as const;

/** A module of which every import is one of the shared part, and which exports names of its own. */
function asFunctionBody(module: string): string {
  const body = module
    .replace(
      /^import \{([^}]*)\} from "[^"]*";$/gm,
      (_, names: string) => `const {${names.replaceAll(' as ', ': ')}} = shared;`,
    )
    .replace(/^export \{([^}]*)\};$/m, 'return {$1};');
  if (/^(?:import|export)\b(?! *\()/m.test(body))
    throw new Error('an import or export that was not expected');
  return body;
}

function among(chunks: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'parts-of-the-runner',
    setup: (build) => {
      build.onResolve({ filter: /^\.\// }, ({ path }) => ({ path, namespace: 'part' }));
      build.onLoad({ filter: /.*/, namespace: 'part' }, ({ path }) => {
        const contents = chunks.get(path);
        if (contents === undefined) throw new Error(`no part of the runner: ${path}`);
        return { contents };
      });
    },
  };
}
