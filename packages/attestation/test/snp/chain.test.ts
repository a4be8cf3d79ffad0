// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { derInteger } from '../../src/der/index.ts';
import { findChain } from '../../src/snp/chain.ts';
import { parseSnpReport } from '../../src/snp/report.ts';
import { readCertificate, type Certificate } from '../../src/x509/index.ts';
import {
  amdOid,
  basicConstraints,
  certify,
  chipId,
  fakeAmd,
  keyUsage,
  rsaAuthority,
  wrapped,
  type FakeAmd,
} from '../support/fake-amd.ts';
import { failures, verifyFake } from '../support/verifying.ts';

let milan: FakeAmd;
let turin: FakeAmd;
before(async () => {
  [milan, turin] = await Promise.all([fakeAmd('Milan'), fakeAmd('Turin')]);
});

const nothingElse = async (): Promise<readonly Certificate[]> => Promise.resolve([]);

/** The endorsement key certificate that is used for a report, in whichever order the two are delivered. */
async function assertUsed(
  amd: FakeAmd,
  report: Uint8Array,
  better: Uint8Array,
  worse: Uint8Array,
): Promise<void> {
  const { ask, asvk, ark } = amd.certificates;
  for (const order of [
    [better, worse],
    [worse, better],
  ]) {
    const delivered = [...order, ask, asvk, ark].map((bytes) => readCertificate(bytes));
    const found = await findChain(parseSnpReport(report), delivered, nothingElse);
    assert.ok('chain' in found);
    assert.deepEqual(found.chain[0].encoded, better);
  }
}

describe('of several endorsement keys', () => {
  const otherChip = chipId.with(63, 0);
  const older = { [amdOid('3.8')]: derInteger(218) };
  const foreign = { [amdOid('4')]: otherChip };

  test('that of the kind is used which the report names, whatever else of the other fits', async () => {
    const byVlek = await milan.report({ 0x48: [0b100] });
    // Chip and TCB of the VCEK are those of the report, the VLEK is for another TCB.
    await assertUsed(milan, byVlek, await milan.vlek(older), await milan.vcek());
    await assertUsed(
      milan,
      await milan.report(),
      await milan.vcek({ ...older, ...foreign }),
      await milan.vlek(),
    );
  });

  test('that of the chip is used before that of the TCB, so that the mistake is named', async () => {
    await assertUsed(milan, await milan.report(), await milan.vcek(older), await milan.vcek(foreign));
  });

  test('that of the whole TCB is used, not only of its microcode', async () => {
    for (const component of ['3.1', '3.2', '3.3', '3.8'])
      for (const level of [3, 25]) {
        const other = await milan.vcek({ [amdOid(component)]: derInteger(level) });
        await assertUsed(milan, await milan.report(), await milan.vcek(), other);
      }
    const fmc = await turin.vcek({ [amdOid('3.9')]: derInteger(0) });
    await assertUsed(turin, await turin.report(), await turin.vcek(), fmc);
  });

  test('that of the chip is told in each form of the hardware id', async () => {
    const good = await milan.vcek({ ...older, [amdOid('4')]: wrapped(chipId) });
    const bad = await milan.vcek({ ...older, [amdOid('4')]: wrapped(otherChip) });
    await assertUsed(milan, await milan.report(), good, bad);
    const other = await turin.vcek({ [amdOid('4')]: chipId.slice(0, 8).with(7, 0) });
    await assertUsed(turin, await turin.report(), await turin.vcek(), other);
  });

  test('one that cannot be read is used after all others of its kind, and before those of the other', async () => {
    const broken = await milan.vcek({ [amdOid('2')]: undefined });
    await assertUsed(milan, await milan.report(), await milan.vcek(older), broken);
    await assertUsed(milan, await milan.report(), broken, await milan.vlek());
  });
});

test('of two intermediates with one key that is used which was given first', async () => {
  const extensions = [basicConstraints(true, 0), keyUsage(0x04)];
  const again = await certify(milan.ask, milan.ark, { serial: 0x77, extensions });
  const [vcek, report] = [await milan.vcek(), parseSnpReport(await milan.report())];
  for (const [first, second] of [
    [again, milan.certificates.ask],
    [milan.certificates.ask, again],
  ] as const) {
    const delivered = [vcek, first, second, milan.certificates.ark].map((bytes) => readCertificate(bytes));
    const found = await findChain(report, delivered, nothingElse);
    assert.ok('chain' in found);
    assert.deepEqual(found.chain[1].encoded, first);
  }
});

test('of intermediates of one name four are tried, since each costs the work of a signature', async () => {
  const extensions = [basicConstraints(true, 0), keyUsage(0x04)];
  const impostor = async (): Promise<Uint8Array> =>
    certify(await rsaAuthority('SEV-Milan'), milan.ark, { extensions });
  const [first, second, third, fourth] = (await Promise.all([1, 2, 3, 4].map(impostor))) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const good = milan.certificates.ask;
  const within = await verifyFake(milan, { ask: first, more: [second, third, good] });
  assert.deepEqual(failures(within), []);
  const beyond = await verifyFake(milan, { ask: first, more: [second, third, fourth, good] });
  assert.deepEqual(failures(beyond), ['x509/signatures']);
});
