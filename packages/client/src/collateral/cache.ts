// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { decodeCbor, encodeCbor, type CborValue } from '@enarx/protocol';

import { collateralProblem } from './problems.ts';

/** What was fetched from one address. */
export interface CacheEntry {
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly fetchedAt: number;
  /** The body, then what came in headers. */
  readonly files: readonly Uint8Array[];
}

/** Format and version of an entry, first in it. */
const mark = 'enarx-collateral-cache/1';
const mostEntryBytes = 2_097_152;
/** Names that this class gives. Whatever else lies in the directory is not ours to count, let alone to delete. */
const ownName = /^[0-9a-f]{64}\.cbor(?:\.[0-9a-f]{16}\.new)?$/;

/**
 * A directory with one file for each address, by the SHA-256 of the address. A file is replaced by renaming, so that it is whole
 * whenever it is there; one that is damaged is as good as none. The oldest go when there are too many.
 */
export class CollateralCache {
  readonly #directory: string;
  readonly #mostEntries: number;

  /** @param mostEntries - files kept, each of at most 2 MiB */
  constructor(directory: string, mostEntries: number) {
    this.#directory = directory;
    this.#mostEntries = mostEntries;
  }

  async read(url: string): Promise<CacheEntry | undefined> {
    let bytes: Uint8Array;
    try {
      bytes = await readFile(this.#pathOf(url));
    } catch {
      return undefined;
    }
    return entryOf(bytes, url);
  }

  /** @throws EnarxError `collateral/cache-unusable` */
  async write({ url, fetchedAt, files }: CacheEntry): Promise<void> {
    const path = this.#pathOf(url);
    const temporary = `${path}.${randomBytes(8).toString('hex')}.new`;
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await writeFile(temporary, encodeCbor([mark, url, fetchedAt, files]), { mode: 0o600, flag: 'wx' });
      await rename(temporary, path);
      await this.#sweep();
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw collateralProblem('collateral/cache-unusable', { found: (cause as Error).message, cause });
    }
  }

  #pathOf(url: string): string {
    return join(this.#directory, `${createHash('sha256').update(url).digest('hex')}.cbor`);
  }

  /** Another process may sweep too: what is gone already is gone. */
  async #sweep(): Promise<void> {
    const names = (await readdir(this.#directory)).filter((name) => ownName.test(name));
    if (names.length <= this.#mostEntries) return;
    const aged = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#directory, name);
        const found = await stat(path).catch(() => undefined);
        return { path, changed: found?.mtimeMs ?? 0 };
      }),
    );
    aged.sort((a, b) => b.changed - a.changed);
    await Promise.all(aged.slice(this.#mostEntries).map(({ path }) => rm(path, { force: true })));
  }
}

function entryOf(bytes: Uint8Array, url: string): CacheEntry | undefined {
  let value: CborValue;
  try {
    value = decodeCbor(bytes, mostEntryBytes);
  } catch {
    return undefined;
  }
  const [kind, address, fetchedAt, files] = Array.isArray(value) ? (value as readonly CborValue[]) : [];
  const whole =
    kind === mark &&
    address === url &&
    typeof fetchedAt === 'number' &&
    Array.isArray(files) &&
    files.every((file): file is Uint8Array => file instanceof Uint8Array);
  return whole ? { url, fetchedAt, files: files } : undefined;
}
