// SPDX-License-Identifier: Apache-2.0
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { sharedProcessor } from './simulated-processor.ts';

/** Release that `npm test` has built. */
export const release = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'release');

/**
 * A user's world of its own: state, temporary files and home lie in one directory, so that whatever a test leaves behind can be seen.
 * Paths are short, since a socket's is limited to 107 bytes.
 */
export interface Sandbox {
  readonly root: string;
  readonly state: string;
  /** Environment for every process of the test. */
  readonly env: Readonly<Record<string, string>>;
  path(...parts: string[]): string;
}

export interface DisposableSandbox extends Sandbox, Disposable {}

/** @param options - `fresh` leaves the simulated processor to be made, which takes seconds */
export async function sandbox(options: { readonly fresh?: boolean } = {}): Promise<DisposableSandbox> {
  const root = mkdtempSync('/tmp/enarx-e2e-');
  const state = join(root, 'state', 'enarx');
  mkdirSync(join(root, 'tmp'));
  mkdirSync(state, { recursive: true, mode: 0o700 });
  if (options.fresh !== true) {
    const { file, anchorFile } = await sharedProcessor();
    copyFileSync(file, join(state, 'simulator.cbor'));
    copyFileSync(anchorFile, join(state, 'anchor.pem'));
  }
  return {
    root,
    state,
    env: {
      HOME: root,
      TMPDIR: join(root, 'tmp'),
      XDG_STATE_HOME: join(root, 'state'),
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    },
    path: (...parts) => join(root, ...parts),
    [Symbol.dispose]: () => {
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
