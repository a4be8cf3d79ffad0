// SPDX-License-Identifier: Apache-2.0
//
// Loaded before the tests: the modules that are changed are read with their mutants in them, and `node:test` is harness.ts, so that no source
// of the checkout is ever touched and a test can be run as often as it takes.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/** Text of the changed modules by their URL. */
const texts = JSON.parse(readFileSync(process.env['ENARX_MUTATION'] as string, 'utf8')) as Readonly<
  Record<string, string>
>;
const harness = new URL('harness.ts', import.meta.url).href;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'node:test' ? { url: harness, shortCircuit: true } : next(specifier, context),
  load: (url, context, next) =>
    Object.hasOwn(texts, url)
      ? { format: 'module-typescript', source: texts[url], shortCircuit: true }
      : next(url, context),
});
