// SPDX-License-Identifier: Apache-2.0
//
// Loaded before the tests: one module is read from elsewhere, so that no source of the checkout is ever touched.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const { ENARX_MUTATED: mutated, ENARX_MUTANT: mutant } = process.env;

registerHooks({
  load: (url, context, next) =>
    url === mutated && mutant !== undefined
      ? { format: 'module-typescript', source: readFileSync(mutant), shortCircuit: true }
      : next(url, context),
});
