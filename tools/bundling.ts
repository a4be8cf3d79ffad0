// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';

import type { BuildOptions, Plugin } from 'esbuild';

export const root = join(import.meta.dirname, '..');

/**
 * Takes Node's own modules by `process.getBuiltinModule`. An `import` of one evaluates everything that it exports, and some exports are
 * getters that load whole libraries: `node:http` alone brings in the WebSocket client of undici, 40 ms in each process.
 */
const builtins: Plugin = {
  name: 'builtin-modules',
  setup: (build) => {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin', sideEffects: false }));
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path) as object).filter(
        (name) => name !== 'default',
      );
      // Marked as pure, so that only what somebody imports is left, and evaluated.
      const exported = names.map(
        (name) => `export const ${name} = /* @__PURE__ */ (() => builtin.${name})();`,
      );
      return {
        contents: [
          `const builtin = /* @__PURE__ */ process.getBuiltinModule(${JSON.stringify(path)});`,
          'export default builtin;',
          ...exported,
        ].join('\n'),
      };
    });
  },
};

/** Of every bundle. */
export const bundling = {
  absWorkingDir: root,
  bundle: true,
  conditions: ['source'] as string[],
  format: 'esm',
  platform: 'node',
  target: 'node26',
  legalComments: 'none',
  // Names stay readable in stack traces and for auditors; white space costs parse time at every start.
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
  plugins: [builtins] as Plugin[],
} as const satisfies BuildOptions;

/** All modules are strict, which has to be said where their code becomes something else. */
export const strict = '"use strict";';

/**
 * Of programs inside a Keep: CommonJS, which Node has loaded a millisecond or two before a module. They run where no package.json lies beside them: named .js, Node
 * would have to find out what they are (10 ms).
 */
export const bundlingForKeep = {
  ...bundling,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { 'import.meta.dirname': '__dirname' },
  banner: { js: strict },
} as const satisfies BuildOptions;
