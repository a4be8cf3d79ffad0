// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { verifyChecks } from '../../src/check-table.ts';
import { derIa5String, derInteger, derNull } from '../../src/der/index.ts';
import { verifyEvidence } from '../../src/verify.ts';
import {
  amdName,
  amdOid,
  at,
  basicConstraints,
  certify,
  chipId,
  ecAuthority,
  extensionsOf,
  fakeAmd,
  issueList,
  keyUsage,
  rsaAuthority,
  vcekExtensions,
  type FakeAmd,
} from '../support/fake-amd.ts';
import {
  assertOnly,
  checkOf,
  failures,
  snpClaims,
  verifiedClaims,
  verifyFake,
} from '../support/verifying.ts';

// Every check has a case that passes (the first test) and one that only it catches.

let amd: FakeAmd;
let turin: FakeAmd;
before(async () => {
  [amd, turin] = await Promise.all([fakeAmd('Milan'), fakeAmd('Turin')]);
});

const year = 365 * 86_400_000;

describe('good evidence', () => {
  test('without its certificate still says which chip it claims to be from, zeros within and all', async () => {
    const report = await turin.report();
    const result = await verifyFake(turin, { report, vek: turin.certificates.ask });
    assert.deepEqual(failures(result), ['snp/endorsements-complete']);
    assert.deepEqual(snpClaims(result).chipId, report.subarray(0x1a0, 0x1e0));
  });

  test('passes every check that applies, under a simulated anchor that is called so', async () => {
    const list = await issueList(amd.ark);
    const result = await verifyFake(amd, { more: [list] });
    assert.deepEqual(failures(result), []);
    assert.deepEqual(
      result.checks.map(({ id }) => id),
      Object.keys(verifyChecks).filter((id) => !/^(sev|quote|nitro)\//.test(id)),
    );
    assert.deepEqual(
      result.checks.filter(({ status }) => status === 'not-applicable').map(({ id }) => id),
      ['azure/runtime-data', 'azure/quote', 'csr/signature', 'csr/key-bound'],
    );
    assert.equal(result.simulated, true);
    assert.equal(result.verified?.anchor, amd.anchor);
    assert.equal(result.verified.simulated, true);
    assert.equal(result.verified.at, at);
    assert.match(checkOf(result, 'x509/anchor').detail, /SIMULATED/);
    assert.match(checkOf(result, 'snp/guest-policy').detail, /policy 0x30000$/);
    const claims = verifiedClaims(result);
    assert.equal(claims.product, 'Milan');
    assert.deepEqual(claims.chipId, chipId);
    assert.equal(claims.signingKey, 'vcek');
    assert.equal(claims.cspId, undefined);
    assert.deepEqual(claims.tcb?.reported, {
      fmc: undefined,
      bootloader: 4,
      tee: 0,
      snp: 24,
      microcode: 219,
    });
    assert.deepEqual(claims.revocation, {
      status: 'good',
      crlNumber: 7n,
      thisUpdate: at - 1000,
      nextUpdate: at + year,
    });
  });

  test('passes for Turin, whose TCB and chip id have another layout', async () => {
    const result = await verifyFake(turin);
    assert.deepEqual(failures(result), []);
    assert.deepEqual(verifiedClaims(result).tcb?.current, {
      fmc: 1,
      bootloader: 4,
      tee: 0,
      snp: 24,
      microcode: 219,
    });
    assert.deepEqual(verifiedClaims(result).chipId?.subarray(0, 9), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0));
    assert.equal(
      checkOf(result, 'snp/tcb-order').detail,
      'reported: fmc 1, bootloader 4, tee 0, snp 24, microcode 219',
    );
    assert.equal(
      checkOf(await verifyFake(amd), 'snp/tcb-order').detail,
      'reported: bootloader 4, tee 0, snp 24, microcode 219',
    );
  });

  test('passes with a VLEK, which names a provider and no chip', async () => {
    const result = await verifyFake(amd, {
      report: await amd.report({ 0x48: [1 << 2], 0x1a0: new Uint8Array(64) }),
      vek: await amd.vlek(),
      ask: amd.certificates.asvk,
    });
    assert.deepEqual(failures(result), []);
    assert.equal(verifiedClaims(result).signingKey, 'vlek');
    assert.equal(verifiedClaims(result).cspId, 'CN=cloud.example');
    assert.equal(verifiedClaims(result).chipId, undefined);
    assert.equal(checkOf(result, 'snp/chip-certified').status, 'not-applicable');
  });

  test('passes with a chip id that the host masks, and the chip is known from the certificate', async () => {
    const result = await verifyFake(amd, { report: await amd.report({ 0x1a0: new Uint8Array(64) }) });
    assert.deepEqual(failures(result), []);
    assert.equal(checkOf(result, 'snp/chip-certified').status, 'not-applicable');
    assert.match(checkOf(result, 'snp/chip-certified').detail, /masks/);
    assert.deepEqual(verifiedClaims(result).chipId, chipId);
  });

  test('of version 2, which does not say what it runs on, passes by the certificates', async () => {
    const result = await verifyFake(amd, { report: await amd.report({ 0: [2], 0x188: [0, 0, 0] }) });
    assert.deepEqual(failures(result), []);
    assert.equal(snpClaims(result).product, 'Milan');
    assert.equal(snpClaims(result).report.cpuid, undefined);
  });

  test('passes when microcode is newer than reported: REPORTED_TCB may be held back by the host', async () => {
    const result = await verifyFake(amd, {
      report: await amd.report({ 0x38: [4, 0, 0, 0, 0, 0, 24, 220], 0x1f0: [4, 0, 0, 0, 0, 0, 24, 220] }),
    });
    assert.deepEqual(failures(result), []);
  });
});

describe('the form of a report', () => {
  test('of an unknown version is refused before anything is read from it', async () => {
    for (const version of [[0], [1], [6], [3, 0, 1]]) {
      const result = await verifyFake(amd, { report: await amd.report({ 0: version }) });
      await assertOnly('snp/version', /expected one of 2, 3, 4, 5/, result);
      assert.equal(result.claims, undefined);
      assert.equal(result.simulated, true);
      assert.match(checkOf(result, 'snp/signature').detail, /^not reached/);
      assert.deepEqual(
        result.checks.map(({ id }) => id),
        Object.keys(verifyChecks).filter((id) => !/^(sev|quote|nitro)\//.test(id)),
      );
    }
  });

  test('with another signature algorithm is refused', async () => {
    const report = await amd.report({ 0x34: [2] });
    await assertOnly('snp/signature-algorithm', /SIGNATURE_ALGO is 2/, verifyFake(amd, { report }));
  });

  test('with anything in a reserved field is refused, by version', async () => {
    const always = [0x48 + 1, 0x4b, 0x4c, 0x4f, 0x18b, 0x19f, 0x1eb, 0x1ef, 0x208, 0x29f];
    for (const [version, offsets] of [
      [3, [...always, 0x1f8, 0x207]],
      [4, [...always, 0x1f8, 0x207]],
      [5, always],
    ] as const) {
      for (const offset of offsets) {
        const report = await amd.report({ 0: [version], [offset]: [1] });
        await assertOnly('snp/reserved', /not zero/, verifyFake(amd, { report }));
      }
    }
    for (const bit of [5, 6, 7]) {
      const report = await amd.report({ 0x48: [1 << bit] });
      await assertOnly('snp/reserved', /bytes 0x48 to 0x48/, verifyFake(amd, { report }));
    }
    const report = await amd.report({ 0: [2], 0x188: [0, 0, 1] });
    await assertOnly('snp/reserved', /bytes 0x188 to 0x19f/, verifyFake(amd, { report }));
  });

  test('of version 5 has mitigation vectors where earlier ones have zeros', async () => {
    const result = await verifyFake(amd, { report: await amd.report({ 0: [5], 0x1f8: [3], 0x200: [7] }) });
    assert.deepEqual(failures(result), []);
    assert.equal(snpClaims(result).report.launchMitigationVector, 3n);
    assert.equal(snpClaims(result).report.currentMitigationVector, 7n);
  });

  test('with unsigned bytes in the signature field is refused, although the signature is good', async () => {
    const report = await amd.report();
    for (const [offset, reason] of [
      [0x2a0 + 48, /^R has/],
      [0x2a0 + 71, /^R has/],
      [0x2a0 + 72 + 48, /^S has/],
      [0x2a0 + 144, /^the rest/],
      [0x49f, /^the rest/],
    ] as const) {
      const dirty = report.slice();
      dirty[offset] = 1;
      await assertOnly('snp/signature-form', reason, verifyFake(amd, { report: dirty }));
    }
  });

  test('whose policy lacks bit 17 is refused', async () => {
    const report = await amd.report({ 0x08: [0, 0, 1] });
    await assertOnly('snp/guest-policy', /bit 17 of the policy 0x10000 is/, verifyFake(amd, { report }));
  });

  test('that the host asked for is refused as evidence of a guest', async () => {
    const byHost = await amd.report({ 0x30: [0xff, 0xff, 0xff, 0xff] });
    await assertOnly('snp/requested-by-guest', /the host asked/, verifyFake(amd, { report: byHost }));
    const unknown = await amd.report({ 0x30: [4] });
    await assertOnly('snp/requested-by-guest', /expected 0 to 3/, verifyFake(amd, { report: unknown }));
    for (const vmpl of [1, 2, 3]) {
      const result = await verifyFake(amd, { report: await amd.report({ 0x30: [vmpl] }) });
      assert.deepEqual(failures(result), [], 'which VMPL is wanted is for the policy to say');
      assert.equal(snpClaims(result).report.vmpl, vmpl);
    }
  });

  test('whose key is masked is refused', async () => {
    const report = await amd.report({ 0x48: [2] });
    await assertOnly('snp/key-not-masked', /MASK_CHIP_KEY/, verifyFake(amd, { report }));
    for (const [key, name] of [
      [7, 'none'],
      [2, 'reserved'],
    ] as const) {
      const result = await verifyFake(amd, { report: await amd.report({ 0x48: [key << 2] }) });
      assert.deepEqual(failures(result), ['snp/key-not-masked', 'snp/signing-key']);
      assert.match(checkOf(result, 'snp/key-not-masked').detail, new RegExp(name));
      assert.equal(snpClaims(result).signingKey, undefined);
    }
  });

  test('with something in the unused bytes of a TCB version is refused', async () => {
    for (const field of [0x38, 0x1e0, 0x1f0]) {
      const report = await amd.report({ [field + 2]: [1] });
      await assertOnly('snp/tcb-form', /where zeros belong/, verifyFake(amd, { report }));
      const ofTurin = await turin.report({ [field + 4]: [1] });
      await assertOnly('snp/tcb-form', /where zeros belong/, verifyFake(turin, { report: ofTurin }));
    }
  });

  test('whose TCB versions are out of order is refused, component by component', async () => {
    // Microcode far above, boot loader below: as one number the order would look right.
    const mixed = await amd.report({ 0x38: [3, 0, 0, 0, 0, 0, 24, 255] });
    await assertOnly(
      'snp/tcb-order',
      /bootloader of the committed TCB is 4, of the current 3/,
      verifyFake(amd, { report: mixed }),
    );
    const reported = await amd.report({ 0x1e0: [4, 0, 0, 0, 0, 0, 23, 219] });
    await assertOnly(
      'snp/tcb-order',
      /snp of the reported TCB is 24, of the committed 23/,
      verifyFake(amd, { report: reported }),
    );
    const launch = await amd.report({ 0x1f0: [4, 1, 0, 0, 0, 0, 24, 219] });
    await assertOnly(
      'snp/tcb-order',
      /tee of the launch TCB is 1, of the current 0/,
      verifyFake(amd, { report: launch }),
    );
    const fmc = await turin.report({ 0x1f0: [2, 4, 0, 24, 0, 0, 0, 219] });
    await assertOnly('snp/tcb-order', /fmc of the launch TCB/, verifyFake(turin, { report: fmc }));
  });
});

describe('endorsements', () => {
  test('of which one cannot be read are refused', async () => {
    const more = [Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x00)];
    await assertOnly('snp/endorsements-readable', /^endorsement 4: /, verifyFake(amd, { more }));
  });

  test('without the key certificate are refused with the address that has it', async () => {
    const verify = async (report: Uint8Array): Promise<string> => {
      const result = await verifyEvidence({
        evidence: report,
        endorsements: [amd.certificates.ask],
        anchors: [amd.anchor],
        at,
      });
      assert.deepEqual(failures(result), ['snp/endorsements-complete']);
      assert.match(checkOf(result, 'snp/signature').detail, /^not reached: the chain is not complete/);
      assert.match(checkOf(result, 'x509/anchor').detail, /^not reached: the chain is not complete/);
      return checkOf(result, 'snp/endorsements-complete').detail;
    };
    const id = Buffer.from(chipId).toString('hex');
    const query = 'blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219';
    assert.match(
      await verify(await amd.report()),
      new RegExp(`fetch https://kdsintf.amd.com/vcek/v1/Milan/${id}\\?${query}$`),
    );
    assert.match(
      await verify(await amd.report({ 0: [2], 0x188: [0, 0, 0] })),
      /vcek\/v1\/Milan\/.* or .*vcek\/v1\/Genoa\//,
    );
    // Nine bytes of an id are more than a Turin has.
    const nine = Uint8Array.from({ length: 64 }, (_, index) => (index < 9 ? index + 1 : 0));
    assert.match(
      await verify(await amd.report({ 0: [2], 0x188: [0, 0, 0], 0x1a0: nine })),
      /vcek\/v1\/Milan\/.* or .*vcek\/v1\/Genoa\//,
    );
    assert.match(
      await verify(await turin.report({ 0: [2], 0x188: [0, 0, 0] })),
      /; fetch https:\/\/kdsintf.amd.com\/vcek\/v1\/Turin\/0102030405060708\?fmcSPL=01[^ ]*$/,
    );
    assert.match(await verify(await amd.report({ 0x188: [0x1b] })), /from no product that we know$/);
    assert.match(await verify(await amd.report({ 0x48: [4] })), /AMD gives it to the cloud provider only/);
    assert.match(await verify(await amd.report({ 0x1a0: new Uint8Array(64) })), /the chip id is masked/);
    assert.match(
      await verify(await turin.report()),
      /vcek\/v1\/Turin\/0102030405060708\?fmcSPL=01&blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219$/,
    );
  });

  test('without intermediate or root are refused with the address of the chain', async () => {
    const missing = async (vek: Uint8Array, ...more: Uint8Array[]): Promise<string> => {
      const result = await verifyEvidence({
        evidence: await amd.report(),
        endorsements: [vek, ...more],
        anchors: [amd.anchor],
        at,
      });
      assert.deepEqual(failures(result), ['snp/endorsements-complete']);
      return checkOf(result, 'snp/endorsements-complete').detail;
    };
    assert.match(
      await missing(await amd.vcek()),
      /SEV-Milan was given; fetch .*\/vcek\/v1\/Milan\/cert_chain$/,
    );
    assert.match(
      await missing(await amd.vlek()),
      /SEV-VLEK-Milan was given; fetch .*\/vlek\/v1\/Milan\/cert_chain$/,
    );
    assert.match(await missing(await amd.vcek(), amd.certificates.ask), /ARK-Milan was given; fetch/);
    const stranger = await rsaAuthority('somebody');
    const vek = await certify({ name: amdName('SEV-VCEK'), publicKey: amd.vek.publicKey }, stranger);
    assert.match(await missing(vek), /no certificate of somebody was given$/);
  });
});

describe('the chain', () => {
  test('under a key that is no anchor is refused', async () => {
    await assertOnly(
      'x509/anchor',
      /none of the trusted ones \(ARK-Turin\)/,
      verifyFake(amd, { options: { anchors: [turin.anchor] } }),
    );
    const nobody = await verifyFake(amd, { options: { anchors: [] } });
    await assertOnly('x509/anchor', /none of the trusted ones \(none\)/, nobody);
    assert.equal(nobody.simulated, false);
    // Such a failure is called SIMULATED only where nothing but simulated processors was asked for.
    for (const [anchors, simulated] of [
      [[turin.anchor], true],
      [[turin.anchor, { ...turin.anchor, simulated: false }], false],
    ] as const)
      assert.equal((await verifyFake(amd, { options: { anchors } })).simulated, simulated);
    const foreign = { ...amd.anchor, vendor: 'intel' as const };
    await assertOnly(
      'x509/anchor',
      /none of the trusted ones/,
      verifyFake(amd, { options: { anchors: [foreign] } }),
    );
  });

  test('whose root was issued by another name is refused', async () => {
    const extensions = [basicConstraints(true), keyUsage(0x06)];
    const ark = await certify(amd.ark, amd.ark, { issuer: amdName('ARK-Older'), extensions });
    await assertOnly('x509/names', /ARK-Milan is issued by ARK-Older/, verifyFake(amd, { ark }));
  });

  test('with a signature by another key is refused, wherever it stands', async () => {
    const other = await rsaAuthority('SEV-Milan');
    const vek = await certify(
      { name: amdName('SEV-VCEK'), publicKey: amd.vek.publicKey },
      { ...other, name: amd.ask.name },
      {
        serial: 0,
        extensions: extensionsOf(vcekExtensions('Milan', chipId)),
      },
    );
    const forgedVek = await verifyFake(amd, { vek });
    await assertOnly('x509/signatures', /signature of SEV-VCEK by SEV-Milan is wrong/, forgedVek);
    assert.match(checkOf(forgedVek, 'snp/signature').detail, /^not reached/);
    const extensions = [basicConstraints(true, 0), keyUsage(0x04)];
    const ask = await certify(amd.ask, { ...other, name: amd.ark.name }, { serial: 2, extensions });
    await assertOnly(
      'x509/signatures',
      /signature of SEV-Milan by ARK-Milan is wrong/,
      verifyFake(amd, { ask }),
    );
    // The right key, and everything else made up: an anchor's key alone does not make its certificate.
    const ark = await certify(
      amd.ark,
      { ...other, name: amd.ark.name },
      {
        extensions: [basicConstraints(true), keyUsage(0x06)],
      },
    );
    await assertOnly(
      'x509/signatures',
      /signature of ARK-Milan by ARK-Milan is wrong/,
      verifyFake(amd, { ark }),
    );
  });

  test('with a point off the curve for a key is refused', async () => {
    const publicKey = amd.vek.publicKey.slice();
    publicKey[publicKey.length - 1] = (publicKey.at(-1) as number) ^ 1;
    await assertOnly(
      'x509/signatures',
      /the key of SEV-VCEK is not valid/,
      verifyFake(amd, { vek: await amd.vcek({}, { publicKey }) }),
    );
  });

  test('outside the validity of any certificate is refused', async () => {
    const ended = { notAfter: at - 1000 };
    const begins = { notBefore: at + 1000 };
    await assertOnly(
      'x509/validity',
      /SEV-VCEK is valid from .*, not at 2026-06-01T12:00:00Z/,
      verifyFake(amd, { vek: await amd.vcek({}, ended) }),
    );
    await assertOnly(
      'x509/validity',
      /SEV-VCEK is valid from 2026-06-01T12:00:01Z/,
      verifyFake(amd, { vek: await amd.vcek({}, begins) }),
    );
    const ask = await certify(amd.ask, amd.ark, {
      ...ended,
      extensions: [basicConstraints(true, 0), keyUsage(0x04)],
    });
    await assertOnly('x509/validity', /SEV-Milan/, verifyFake(amd, { ask }));
    const ark = await certify(amd.ark, amd.ark, {
      ...begins,
      extensions: [basicConstraints(true), keyUsage(0x06)],
    });
    await assertOnly('x509/validity', /ARK-Milan/, verifyFake(amd, { ark }));
    // Both ends are within.
    assert.deepEqual(
      failures(await verifyFake(amd, { vek: await amd.vcek({}, { notBefore: at, notAfter: at }) })),
      [],
    );
    await assertOnly('x509/validity', /NaN/, verifyFake(amd, { options: { at: Number.NaN } }));
  });

  test('with an issuer that may not issue is refused', async () => {
    for (const [extensions, reason] of [
      [[keyUsage(0x04)], /SEV-Milan is no certificate authority/],
      [[basicConstraints(false), keyUsage(0x04)], /SEV-Milan is no certificate authority/],
      [[basicConstraints(true, 0)], /not for signing certificates/],
      [[basicConstraints(true, 0), keyUsage(0x80)], /not for signing certificates/],
    ] as const) {
      await assertOnly(
        'x509/authority',
        reason,
        verifyFake(amd, { ask: await certify(amd.ask, amd.ark, { extensions }) }),
      );
    }
    const ark = await certify(amd.ark, amd.ark, { extensions: [basicConstraints(true, 0), keyUsage(0x06)] });
    await assertOnly(
      'x509/authority',
      /ARK-Milan allows 0 authorities below it, there are 1/,
      verifyFake(amd, { ark }),
    );
  });

  test('with an unknown critical extension is refused, with a known one not', async () => {
    const extensions = extensionsOf(vcekExtensions('Milan', chipId));
    // The second is in AMD's arc, where nothing is defined.
    for (const oid of ['1.2.3.4', amdOid('3.10')]) {
      const unknown = { oid, critical: true, value: derNull() };
      const vek = await amd.vcek({}, { extensions: [...extensions, unknown] });
      const reason = new RegExp(`SEV-VCEK has the critical extension ${oid.replaceAll('.', '\\.')}`);
      await assertOnly('x509/critical-extensions', reason, verifyFake(amd, { vek }));
    }
    const critical = await amd.vcek(
      {},
      { extensions: extensions.map((extension) => ({ ...extension, critical: true })) },
    );
    assert.deepEqual(failures(await verifyFake(amd, { vek: critical })), []);
  });

  test('with a revocation list that proves nothing is refused', async () => {
    const id = 'x509/revocation-list';
    const stale = await issueList(amd.ark, { thisUpdate: at - year, nextUpdate: at - 1000 });
    await assertOnly(id, /fetch the current list/, verifyFake(amd, { more: [stale] }));
    const early = await issueList(amd.ark, { thisUpdate: at + 1000 });
    await assertOnly(
      id,
      /list 7 of ARK-Milan is for .*, not for 2026-06-01/,
      verifyFake(amd, { more: [early] }),
    );
    const other = await rsaAuthority('ARK-Milan');
    const forged = await issueList({ ...other, name: amd.ark.name });
    const result = await verifyFake(amd, { more: [forged] });
    await assertOnly(id, /the signature of list 7 of ARK-Milan is wrong/, result);
    assert.equal(snpClaims(result).revocation.status, 'bad');
    const delta = await issueList(amd.ark, {
      extensions: [{ oid: '2.5.29.27', critical: true, value: derInteger(3) }],
    });
    await assertOnly(id, /critical extension 2\.5\.29\.27/, verifyFake(amd, { more: [delta] }));
    const indirect = await issueList(amd.ark, {
      revoked: [1],
      entryExtensions: [{ oid: '2.5.29.29', critical: true, value: derNull() }],
    });
    const ark = await certify(amd.ark, amd.ark, {
      serial: 0x10000,
      extensions: [basicConstraints(true), keyUsage(0x06)],
    });
    await assertOnly(id, /critical extension 2\.5\.29\.29/, verifyFake(amd, { more: [indirect], ark }));
    const mayNot = await certify(amd.ark, amd.ark, {
      serial: 0x10000,
      extensions: [basicConstraints(true), keyUsage(0x04)],
    });
    await assertOnly(
      id,
      /not for signing lists/,
      verifyFake(amd, { more: [await issueList(amd.ark)], ark: mayNot }),
    );
    const ec = { ...(await ecAuthority('ARK-Milan', 'P-384')), name: amd.ark.name };
    await assertOnly(id, /the signature of list 7/, verifyFake(amd, { more: [await issueList(ec)] }));
  });

  test('with a revoked intermediate is refused, also by an older list than the newest', async () => {
    const list = await issueList(amd.ark, { revoked: [0x10001] });
    const result = await verifyFake(amd, { more: [list] });
    await assertOnly('x509/not-revoked', /SEV-Milan, serial 0x10001, is on the list of ARK-Milan/, result);
    assert.equal(snpClaims(result).revocation.status, 'bad');
    const newer = await issueList(amd.ark, { number: 8 });
    await assertOnly('x509/not-revoked', /0x10001/, verifyFake(amd, { more: [newer, list] }));
  });

  test('under a root of our own may have the serial of the intermediate that AMD revoked', async () => {
    const genoa = await fakeAmd('Genoa');
    const ask = await certify(genoa.ask, genoa.ark, {
      serial: 0x20001,
      extensions: [basicConstraints(true, 0), keyUsage(0x04)],
    });
    assert.deepEqual(failures(await verifyFake(genoa, { ask })), []);
  });

  test('is not judged by the list of another root, nor by the newest of several when that is stale', async () => {
    const other = await issueList(turin.ark, { revoked: [0x10001] });
    const result = await verifyFake(amd, { more: [other] });
    assert.deepEqual(failures(result), []);
    assert.equal(checkOf(result, 'x509/revocation-list').status, 'not-applicable');
    assert.equal(snpClaims(result).revocation.status, 'none');
    const stale = await issueList(amd.ark, { number: 6, nextUpdate: at - 1 });
    assert.deepEqual(failures(await verifyFake(amd, { more: [stale, await issueList(amd.ark)] })), []);
  });
});

describe('what binds report and certificate', () => {
  test('a certificate without what AMD writes into it is refused', async () => {
    const id = 'snp/key-certificate';
    for (const [values, reason] of [
      [{ [amdOid('1')]: undefined }, /no extension .*3704\.1\.1/],
      [{ [amdOid('1')]: derInteger(2) }, /the integer 2/],
      [{ [amdOid('2')]: derIa5String('Venice-A0') }, /the product Venice-A0/],
      [{ [amdOid('3.3')]: undefined }, /no extension .*3\.3/],
      [{ [amdOid('3.8')]: derInteger(256) }, /the integer 256/],
      [{ [amdOid('3.9')]: derInteger(1) }, /patch level 9 on Milan/],
      [{ [amdOid('4')]: undefined }, /VCEK without hardware id/],
      [{ [amdOid('4')]: chipId.subarray(1) }, /a hardware id of 63 bytes/],
      [{ [amdOid('5')]: derIa5String('cloud') }, /with a provider id/],
    ] as const) {
      const result = await verifyFake(amd, { vek: await amd.vcek(values) });
      await assertOnly(id, reason, result);
      assert.match(checkOf(result, 'snp/product').detail, /^not reached/);
      assert.equal(checkOf(result, 'snp/signature').status, 'pass');
    }
    const wrongKey = await verifyFake(amd, {
      vek: await amd.vcek({}, { publicKey: (await ecAuthority('', 'P-256')).publicKey }),
    });
    await assertOnly(id, /not P-384/, wrongKey);
    assert.match(checkOf(wrongKey, 'snp/signature').detail, /^not reached/);
  });

  test('a report that names another kind of key than the certificate is refused', async () => {
    const report = await amd.report({ 0x48: [4] });
    await assertOnly(
      'snp/signing-key',
      /signed with a VLEK, the certificate is for a VCEK/,
      verifyFake(amd, { report }),
    );
  });

  test('a VCEK that the issuer of VLEKs signed is refused', async () => {
    const vek = await certify({ name: amdName('SEV-VCEK'), publicKey: amd.vek.publicKey }, amd.asvk, {
      serial: 0,
      extensions: extensionsOf(vcekExtensions('Milan', chipId)),
    });
    const ask = amd.certificates.asvk;
    await assertOnly(
      'snp/signing-key',
      /SEV-VLEK-Milan does not issue certificates for a VCEK/,
      verifyFake(amd, { vek, ask }),
    );
  });

  test('products that disagree are refused, wherever they are named', async () => {
    const genoa = await amd.report({ 0x189: [0x11] });
    await assertOnly(
      'snp/product',
      /model 0x11 \(Genoa\), the certificate is for Milan/,
      verifyFake(amd, { report: genoa }),
    );
    const unknown = await verifyFake(amd, { report: await amd.report({ 0x188: [0x1b] }) });
    await assertOnly('snp/product', /family 0x1b, model 0x1 \(no product that we know/, unknown);
    assert.equal(snpClaims(unknown).product, undefined);
    assert.match(checkOf(unknown, 'snp/tcb-order').detail, /^not reached/);
    assert.match(checkOf(unknown, 'snp/tcb-form').detail, /^not reached/);
    const name = derIa5String('Genoa-B1');
    const certificate = await verifyFake(amd, {
      vek: await amd.vcek({ [amdOid('2')]: name }),
      report: genoa,
    });
    await assertOnly(
      'snp/product',
      /for Genoa is issued by SEV-Milan; the root is ARK-Milan, expected ARK-Genoa/,
      certificate,
    );
    // A report of version 2 leaves it to the certificates.
    const old = await turin.report({ 0: [2], 0x188: [0, 0, 0] });
    assert.equal(verifiedClaims(await verifyFake(turin, { report: old })).product, 'Turin');
  });

  test('an intermediate of no known name issues nothing', async () => {
    const ask = { ...amd.ask, name: amdName('SEV-Venice') };
    const vek = await certify({ name: amdName('SEV-VCEK'), publicKey: amd.vek.publicKey }, ask, {
      serial: 0,
      extensions: extensionsOf(vcekExtensions('Milan', chipId)),
    });
    const extensions = [basicConstraints(true, 0), keyUsage(0x04)];
    const result = await verifyFake(amd, { vek, ask: await certify(ask, amd.ark, { extensions }) });
    assert.deepEqual(failures(result), ['snp/signing-key', 'snp/product']);
  });

  test('a root of another product is refused even when all names lead to it', async () => {
    const ark = await rsaAuthority('ARK-Genoa');
    const anchor = {
      ...amd.anchor,
      spkiDigest: new Uint8Array(await crypto.subtle.digest('SHA-256', ark.publicKey)),
    };
    await assertOnly(
      'snp/product',
      /the root is ARK-Genoa, expected ARK-Milan/,
      verifyFake(amd, {
        ark: await certify(ark, ark, { extensions: [basicConstraints(true), keyUsage(0x06)] }),
        ask: await certify(amd.ask, ark, { extensions: [basicConstraints(true, 0), keyUsage(0x04)] }),
        options: { anchors: [anchor] },
      }),
    );
  });

  test('a pinned key vouches for its own product only', async () => {
    const pinned = { ...amd.anchor, name: 'ARK-Rome', simulated: false };
    const options = { anchors: [pinned] };
    await assertOnly(
      'snp/product',
      /the key of the root is pinned as ARK-Rome/,
      verifyFake(amd, { options }),
    );
  });

  test('a certificate for another TCB is refused, older or newer', async () => {
    for (const values of [
      { [amdOid('3.8')]: derInteger(218) },
      { [amdOid('3.8')]: derInteger(220) },
      { [amdOid('3.1')]: derInteger(3) },
      { [amdOid('3.4')]: derInteger(1) },
    ])
      await assertOnly(
        'snp/tcb-certified',
        /fetch the certificate for the reported TCB/,
        verifyFake(amd, { vek: await amd.vcek(values) }),
      );
    const fmc = await turin.vcek({ [amdOid('3.9')]: derInteger(0) });
    await assertOnly(
      'snp/tcb-certified',
      /00040018000000db, the report says 01040018000000db/,
      verifyFake(turin, { vek: fmc }),
    );
  });

  test('a certificate for another chip is refused, over all bytes', async () => {
    for (const index of [0, 8, 63]) {
      const other = chipId.slice();
      other[index] = 0xee;
      await assertOnly(
        'snp/chip-certified',
        /the certificate is for the chip/,
        verifyFake(amd, { vek: await amd.vcek({ [amdOid('4')]: other }) }),
      );
    }
    // Of Turin the certificate has 8 bytes; the others of the report must be zero, not anything.
    const report = await turin.report({ 0x1a8: [9] });
    await assertOnly(
      'snp/chip-certified',
      /the report is from 010203040506070809/,
      verifyFake(turin, { report }),
    );
  });

  test('a report that the certified key did not sign is refused', async () => {
    const report = await amd.report();
    report[0x50] = (report[0x50] as number) ^ 1;
    await assertOnly('snp/signature', /signature of the report is wrong/, verifyFake(amd, { report }));
    const zero = (await amd.report()).fill(0, 0x2a0);
    await assertOnly('snp/signature', /signature of the report is wrong/, verifyFake(amd, { report: zero }));
  });
});
