// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';

import type { PackageEntry } from '@enarx/runtime';

/** What lies at a path: the content of a file, the target of a symbolic link, or nothing for a directory. */
export type Tree = Readonly<Record<string, string | Uint8Array | { readonly link: string } | undefined>>;

/** As the package of a program. */
export async function* packageOfTree(tree: Tree): AsyncGenerator<PackageEntry> {
  for (const [path, what] of Object.entries(tree)) {
    await Promise.resolve();
    if (what === undefined) yield { kind: 'directory', path };
    else if (typeof what === 'object' && 'link' in what) yield { kind: 'symlink', path, target: what.link };
    else {
      const bytes = typeof what === 'string' ? Buffer.from(what) : what;
      yield {
        kind: 'file',
        path,
        size: bytes.length,
        content: Readable.from([bytes]) as AsyncIterable<Uint8Array>,
      };
    }
  }
}

/** The same below a directory of this host. */
export function writeTree(root: string, tree: Tree): void {
  for (const [path, what] of Object.entries(tree)) {
    const at = join(root, path);
    mkdirSync(what === undefined ? at : dirname(at), { recursive: true });
    if (what === undefined) continue;
    if (typeof what === 'object' && 'link' in what) symlinkSync(what.link, at);
    else writeFileSync(at, what);
  }
}
