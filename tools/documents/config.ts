// SPDX-License-Identifier: Apache-2.0
import { configReference } from '../../packages/cli/src/config/document.ts';
import { generatedNote } from './markdown.ts';

/** docs/config.md. */
export function configDocument(): Promise<string> {
  return Promise.resolve(
    [
      '# Enarx.toml',
      '',
      generatedNote('packages/cli/src/config/schema.ts'),
      '',
      'What the program gets in its Keep: `enarx run --config Enarx.toml prog.wasm`. It is TOML 1.0; a key that does not stand here is refused, with the line and what was most',
      'likely meant. `enarx config init` writes a file that explains every key, `enarx config check FILE` validates one. Of it the host learns where sockets listen and connect to, and nothing else: it travels inside the',
      'attested connection only.',
      '',
      'A size is a number of bytes or a text like `"64MiB"` or `"1.5 GB"`; a time is a number of milliseconds or a text like `"500ms"`, `"30s"`, `"5m"`, `"2h"`.',
      '',
      configReference(),
    ].join('\n'),
  );
}
