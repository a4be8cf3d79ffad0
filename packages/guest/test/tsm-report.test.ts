// SPDX-License-Identifier: Apache-2.0
//
// What is asked of the kernel's report interface, and what is done with what it says and refuses.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';

import { decodeMessage, encodeMessage, evidence as evidenceMessage } from '@enarx/protocol';
import { createSimulatedIntelPlatform } from '@enarx/simulator/intel';

import { evidenceOf, kernelEvidence } from '../src/evidence.ts';
import { tsmReport } from '../src/tsm-report.ts';
import { errno, KernelTsm } from './support/kernel-tsm.ts';

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
