// SPDX-License-Identifier: Apache-2.0
//
// The kernel's report interface by its own rules (Linux drivers/virt/coco/tsm.c, sev-guest.c and tdx-guest.c; Documentation/ABI/testing/configfs-tsm-report).
import assert from 'node:assert/strict';
import { basename, dirname } from 'node:path';

import type { TsmFiles } from '../../src/tsm-report.ts';

interface Made {
  readonly outblob: Uint8Array;
  readonly auxblob: Uint8Array;
}

export interface Entry {
  inblob: Uint8Array | undefined;
  written: bigint;
  read: bigint;
  report: Made | undefined;
}

export function errno(code: string): Error {
  return Object.assign(new Error(`${code}: as the kernel says`), { code });
}

/** configfs with `tsm/report` in it. What it can be told to do wrong is what a kernel can. */
export class KernelTsm implements TsmFiles {
  readonly entries = new Map<string, Entry>();
  provider: string | undefined = 'sev_guest';
  made = 0;
  /** What the processor makes of 64 bytes. */
  make: (reportData: Uint8Array) => Made | Promise<Made> = (reportData) => {
    const outblob = new Uint8Array(1184);
    outblob.set(reportData, 0x50);
    return { outblob, auxblob: Uint8Array.of(7) };
  };
  /** Called before each access, with the attribute. */
  interfere: (attribute: string, entry: Entry) => void = () => undefined;

  mkdtemp(prefix: string): Promise<string> {
    // tsm_report_make_item: no provider, no entries.
    if (this.provider === undefined) return Promise.reject(errno('ENXIO'));
    const name = `${prefix}${String(this.entries.size)}${String((this.made += 1))}`;
    this.entries.set(name, { inblob: undefined, written: 0n, read: 0n, report: undefined });
    return Promise.resolve(name);
  }

  writeFile(path: string, content: Uint8Array): Promise<void> {
    const entry = this.#entry(path);
    assert.equal(basename(path), 'inblob', 'nothing else is written to');
    if (content.length === 0 || content.length > 64) return Promise.reject(errno('EINVAL'));
    // try_advance_write_generation
    if (entry.written === entry.read - 1n) return Promise.reject(errno('EBUSY'));
    this.interfere('inblob', entry);
    entry.inblob = Uint8Array.from(content);
    entry.written += 1n;
    return Promise.resolve();
  }

  async readFile(path: string): Promise<Uint8Array> {
    const entry = this.#entry(path);
    const attribute = basename(path);
    this.interfere(attribute, entry);
    switch (attribute) {
      case 'generation':
        return Buffer.from(`${String(entry.written)}\n`);
      case 'provider':
        return Buffer.from(`${String(this.provider)}\n`);
      case 'outblob':
        return (await this.#report(entry)).outblob;
      case 'auxblob':
        // tdx_report_bin_attr_visible shows inblob and outblob, and nothing else.
        if (this.provider === 'tdx_guest') throw errno('ENOENT');
        return (await this.#report(entry)).auxblob;
      default:
        throw errno('EACCES');
    }
  }

  rmdir(path: string): Promise<void> {
    this.entries.delete(path);
    return Promise.resolve();
  }

  /** tsm_report_read: made anew whenever something was written since. */
  async #report(entry: Entry): Promise<Made> {
    if (this.provider === undefined) throw errno('ENXIO');
    if (entry.inblob === undefined) throw errno('EINVAL');
    if (entry.report !== undefined && entry.read === entry.written) return entry.report;
    // sev_report_new and tdx_report_new: 64 bytes and no other length.
    if (entry.inblob.length !== 64) throw errno('EINVAL');
    entry.read = entry.written;
    return (entry.report = await this.make(entry.inblob));
  }

  #entry(path: string): Entry {
    const entry = this.entries.get(dirname(path));
    if (entry === undefined) throw errno('ENOENT');
    return entry;
  }
}
