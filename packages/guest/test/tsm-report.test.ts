// SPDX-License-Identifier: Apache-2.0
//
// The kernel's report interface by its own rules (Linux drivers/virt/coco/tsm.c and sev-guest.c; Documentation/ABI/testing/configfs-tsm-report).
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { suite, test } from 'node:test';

import { decodeMessage, encodeMessage, evidence as evidenceMessage } from '@enarx/protocol';
import { createSimulatedIntelPlatform } from '@enarx/simulator/intel';

import { evidenceOf, kernelEvidence } from '../src/evidence.ts';
import { tsmReport, type TsmFiles } from '../src/tsm-report.ts';

interface Entry {
  inblob: Uint8Array | undefined;
  written: bigint;
  read: bigint;
  report: { outblob: Uint8Array; auxblob: Uint8Array } | undefined;
}

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: as the kernel says`), { code });
}

/** configfs with `tsm/report` in it. What it can be told to do wrong is what a kernel can. */
class KernelTsm implements TsmFiles {
  readonly entries = new Map<string, Entry>();
  provider: string | undefined = 'sev_guest';
  made = 0;
  /** What the processor makes of 64 bytes. */
  make: (reportData: Uint8Array) => { outblob: Uint8Array; auxblob: Uint8Array } = (reportData) => {
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

  readFile(path: string): Promise<Uint8Array> {
    const entry = this.#entry(path);
    const attribute = basename(path);
    try {
      this.interfere(attribute, entry);
      if (attribute === 'generation') return Promise.resolve(Buffer.from(`${String(entry.written)}\n`));
      if (attribute === 'provider') return Promise.resolve(Buffer.from(`${String(this.provider)}\n`));
      if (attribute === 'outblob') return Promise.resolve(this.#report(entry).outblob);
      // tdx_report_bin_attr_visible shows inblob and outblob, and nothing else.
      if (attribute === 'auxblob') {
        if (this.provider === 'tdx_guest') return Promise.reject(errno('ENOENT'));
        return Promise.resolve(this.#report(entry).auxblob);
      }
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    return Promise.reject(errno('EACCES'));
  }

  rmdir(path: string): Promise<void> {
    this.entries.delete(path);
    return Promise.resolve();
  }

  /** tsm_report_read: made anew whenever something was written since. */
  #report(entry: Entry): { outblob: Uint8Array; auxblob: Uint8Array } {
    if (this.provider === undefined) throw errno('ENXIO');
    if (entry.inblob === undefined) throw errno('EINVAL');
    if (entry.report !== undefined && entry.read === entry.written) return entry.report;
    // sev_report_new: 64 bytes and no other length.
    if (entry.inblob.length !== 64) throw errno('EINVAL');
    entry.report = this.make(entry.inblob);
    entry.read = entry.written;
    return entry.report;
  }

  #entry(path: string): Entry {
    const entry = this.entries.get(dirname(path));
    if (entry === undefined) throw errno('ENOENT');
    return entry;
  }
}

const data = new Uint8Array(64).fill(0xab);
const directory = '/sys/kernel/config/tsm/report';
const unavailable = { code: 'guest/evidence-unavailable' };

suite('configfs-tsm', () => {
  test('a report holds what was asked over, with the provider and the certificates, and leaves no entry', async () => {
    const kernel = new KernelTsm();
    const { provider, outblob, auxblob } = await tsmReport(data, directory, kernel);
    assert.equal(provider, 'sev_guest');
    assert.deepEqual(outblob.subarray(0x50, 0x90), data);
    assert.deepEqual(auxblob, Uint8Array.of(7));
    assert.equal(kernel.entries.size, 0);
  });

  test('another process that writes between our write and our read is found out, and it is asked again on a fresh entry', async () => {
    for (const attribute of ['auxblob', 'outblob', 'provider']) {
      const kernel = new KernelTsm();
      let once = true;
      kernel.interfere = (name, entry) => {
        if (name !== attribute || !once) return;
        once = false;
        entry.inblob = new Uint8Array(64).fill(0x66);
        entry.written += 1n;
      };
      const { outblob } = await tsmReport(data, directory, kernel);
      assert.deepEqual(outblob.subarray(0x50, 0x90), data, attribute);
      assert.equal(kernel.made, 2);
      assert.equal(kernel.entries.size, 0);
    }
  });

  test('one that wrote before our write is found out, too', async () => {
    const kernel = new KernelTsm();
    let once = true;
    kernel.interfere = (name, entry) => {
      if (name !== 'inblob' || !once) return;
      once = false;
      entry.written += 1n;
    };
    const { outblob } = await tsmReport(data, directory, kernel);
    assert.deepEqual(outblob.subarray(0x50, 0x90), data);
    assert.equal(kernel.made, 2);
  });

  test('one that never stops is given up on, with a typed error', async () => {
    const kernel = new KernelTsm();
    kernel.interfere = (name, entry) => {
      if (name === 'auxblob') entry.written += 1n;
    };
    await assert.rejects(tsmReport(data, directory, kernel), unavailable);
    assert.equal(kernel.made, 5);
    assert.equal(kernel.entries.size, 0);
  });

  for (const [code, tries] of [
    ['EBUSY', 5],
    ['EAGAIN', 5],
    ['ENXIO', 1],
    ['EINVAL', 1],
    ['EIO', 1],
  ] as const)
    test(`${code} is ${tries > 1 ? 'tried again, then told' : 'told at once'}`, async () => {
      const kernel = new KernelTsm();
      kernel.interfere = (name) => {
        if (name === 'outblob') throw errno(code);
      };
      await assert.rejects(tsmReport(data, directory, kernel), unavailable);
      assert.equal(kernel.made, tries);
      assert.equal(kernel.entries.size, 0, 'no entry is left');
      kernel.made = 0;
      let failures = 1;
      kernel.interfere = (name) => {
        if (name === 'outblob' && failures > 0) {
          failures -= 1;
          throw errno(code);
        }
      };
      if (tries > 1) assert.equal((await tsmReport(data, directory, kernel)).outblob.length, 1184);
    });

  test('report data of another length is what the processor refuses', async () => {
    await assert.rejects(tsmReport(data.subarray(0, 32), directory, new KernelTsm()), unavailable);
    await assert.rejects(tsmReport(new Uint8Array(65), directory, new KernelTsm()), unavailable);
  });

  test('a kernel without a provider makes no entry', async () => {
    const kernel = new KernelTsm();
    kernel.provider = undefined;
    await assert.rejects(tsmReport(data, directory, kernel), unavailable);
  });
});

suite('evidence of the kernel', () => {
  test('is a report with its certificates on AMD', async () => {
    const kernel = new KernelTsm();
    const { format, report, endorsements } = await evidenceOf(data, directory, kernel);
    assert.equal(format, 'snp');
    assert.deepEqual(report.subarray(0x50, 0x90), data);
    assert.deepEqual(endorsements, Uint8Array.of(7));
  });

  test('is a quote on Intel, which has its certificates in it and shows no other file', async () => {
    const kernel = new KernelTsm();
    kernel.provider = 'tdx_guest';
    const trustDomain = (await createSimulatedIntelPlatform()).trustDomain();
    const quote = await trustDomain.quote(data);
    // The driver gives all of what the quoting service filled, which fills up with zeros (tdx_report_new).
    const filled = new Uint8Array(16_384 + 4096);
    filled.set(quote);
    kernel.make = () => ({ outblob: filled, auxblob: new Uint8Array(0) });
    const evidence = await evidenceOf(data, directory, kernel);
    assert.equal(evidence.format, 'tdx');
    assert.equal(evidence.report.length, 16_384);
    assert.deepEqual(evidence.report.subarray(0, quote.length), quote);
    assert.equal(evidence.endorsements.length, 0);
    assert.deepEqual(decodeMessage(evidenceMessage, encodeMessage(evidenceMessage, evidence)), evidence);
    filled[16_384] = 1;
    await assert.rejects(evidenceOf(data, directory, kernel), unavailable);
    assert.equal(kernel.entries.size, 0);
  });

  test('is none of a processor that is not known', async () => {
    const kernel = new KernelTsm();
    kernel.provider = 'arm_cca_guest';
    kernel.make = () => ({ outblob: new Uint8Array(10), auxblob: new Uint8Array(0) });
    await assert.rejects(evidenceOf(data, directory, kernel), unavailable);
  });

  test('there is none where there is no interface', () => {
    assert.equal(kernelEvidence('/nonexistent/enarx'), undefined);
  });

  test('a directory in which an entry can be made counts as a processor, and the trial leaves nothing', () => {
    const place = mkdtempSync(join(tmpdir(), 'enarx-tsm-'));
    try {
      assert.equal(typeof kernelEvidence(place), 'function');
      assert.deepEqual(readdirSync(place), []);
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  test('an interface that cannot be used is an error and never the absence of one', () => {
    // A file in the place of the directory: ENOTDIR, as no kernel without TSM says.
    assert.throws(() => kernelEvidence(import.meta.filename), unavailable);
  });
});
