// SPDX-License-Identifier: Apache-2.0
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['**/dist/**', '**/release/**', 'node_modules/**', '**/*.mjs', '**/*.cjs', 'eslint.config.js'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { project: ['./packages/*/tsconfig.json', './tsconfig.tools.json'] } },
    rules: {
      // `as number` after a bounds check reads better than a branch that cannot be taken and so cannot be covered.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'child_process', property: 'exec', message: 'No shell: pass an argument vector to spawn.' },
        {
          object: 'child_process',
          property: 'execSync',
          message: 'No shell: pass an argument vector to spawn.',
        },
      ],
    },
  },
  {
    files: ['packages/{protocol,attestation,simulator}/src/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['node:*'] }],
      'no-restricted-globals': ['error', 'Buffer', 'process', 'setTimeout', 'fetch', 'Date'],
    },
  },
  {
    files: ['packages/*/test/**/*.ts', 'test/**/*.ts', 'tools/**/*.ts'],
    rules: {
      // node:test returns promises that its runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'describe', 'it', 'suite'] },
          ],
        },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);
