// SPDX-License-Identifier: Apache-2.0
// Imports go one way: a package may import only what stands above it in docs/architecture.md.
const order = [
  'protocol',
  'attestation',
  'simulator',
  'channel',
  'runtime',
  'wasmldr',
  'guest',
  'image',
  'keepldr',
  'keepmgr',
  'client',
  'cli',
];
const layers = order.map((name, index) => ({
  name: `${name}-imports-only-what-stands-above`,
  severity: 'error',
  from: { path: `^packages/${name}/src` },
  to: { path: `^packages/(${order.slice(index + 1).join('|') || '$.'})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layers,
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'any-runtime-code-imports-no-node',
      severity: 'error',
      from: { path: '^packages/(protocol|attestation|simulator)/src' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'the-keep-never-imports-the-host',
      comment:
        'What is measured into the TEE must not grow by what the host needs, nor by the simulated processor.',
      severity: 'error',
      from: { path: '^packages/(guest|wasmldr|runtime|channel)/src' },
      to: { path: '^packages/(simulator|image|keepldr|keepmgr|client|cli)/' },
    },
    {
      name: 'a-client-never-imports-the-simulator',
      comment: 'A simulated anchor comes from a file that the caller names, never from code.',
      severity: 'error',
      from: { path: '^packages/client/src' },
      to: { path: '^packages/(simulator|keepldr|keepmgr)/' },
    },
    {
      name: 'source-imports-no-test',
      severity: 'error',
      from: { path: '^packages/[^/]+/src' },
      to: { path: '/test/' },
    },
    {
      name: 'no-undeclared-dependency',
      severity: 'error',
      from: { path: '^packages/[^/]+/src' },
      // What resolves to a sibling is of no type that it knows (the layers above have said what may be imported), nor is node:ffi.
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'unknown', 'undetermined'],
        pathNot: '^packages/|^ffi$',
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/(dist|release)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.js'],
    },
  },
};
