// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { toHex } from '@enarx/protocol';

import { amdAuthorities } from '../../src/amd/authorities.ts';
import {
  certificateTableGuids,
  looksLikeCertificateTable,
  readCertificateTable,
} from '../../src/amd/certificate-table.ts';
import { chainUrl, vcekUrl } from '../../src/amd/kds.ts';
import { readVek, vekKindOf } from '../../src/amd/vek.ts';
import { vendorAnchors } from '../../src/anchors.ts';
import { derInteger, derUtf8String } from '../../src/der/index.ts';
import { readPem } from '../../src/pem.ts';
import { productOfCpuid } from '../../src/snp/product.ts';
import { readCertificate } from '../../src/x509/index.ts';
import { amdName, amdOid, certify, chipId, fakeAmd, wrapped, type FakeAmd } from '../support/fake-amd.ts';
import { vector, vectors, withoutVectors } from '../support/vectors.ts';

let milan: FakeAmd;
let turin: FakeAmd;
before(async () => {
  [milan, turin] = await Promise.all([fakeAmd('Milan'), fakeAmd('Turin')]);
});

describe('the authorities that come with the release', () => {
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

  test('are AMD’s, by the digest of the whole certificate', () => {
    assert.deepEqual(
      amdAuthorities.map(({ subject, serial, encoded }) => [
        subject.commonName,
        Number(serial),
        sha256(encoded),
      ]),
      [
        ['ARK-Milan', 0x10000, '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd'],
        ['SEV-Milan', 0x10001, '67d303bd3905fd38db8b20e0793699870e7fa612eaad5dec358293fd8c0bac1b'],
        ['SEV-VLEK-Milan', 0x10101, 'c5e081f59b7efab1fe2f8b505e159704e72f29cab7ef7cf628a05a42439082f5'],
        ['ARK-Genoa', 0x20000, '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1'],
        ['SEV-Genoa', 0x20002, '5464738c1546aed5f2cecf1dc98c5c960a92e8913238a61711bc90ec6e828521'],
        ['SEV-VLEK-Genoa', 0x20101, '197e610743a917d6b9bb982a5a9226ccc0a15b611be0619e626aca9151457372'],
        ['ARK-Turin', 0x30000, '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a'],
        ['SEV-Turin', 0x30001, '5b77ef5fe7a7a004fd9032668fba9d0fda22f88c4442069a479636a6ae3b3185'],
        ['SEV-VLEK-Turin', 0x30101, '104e10a8bd060a3c20a434261a57d0588fd65a88915b4f65b08bdecaf8df1a3c'],
      ],
    );
  });

  test('have roots whose keys are the pinned anchors', () => {
    const roots = amdAuthorities.filter(({ subject }) => subject.commonName.startsWith('ARK-'));
    for (const { subject, publicKey } of roots) {
      const anchor = vendorAnchors.find(({ name }) => name === subject.commonName);
      assert.equal(anchor && toHex(anchor.spkiDigest), sha256(publicKey));
    }
    assert.equal(roots.length, 3);
  });
});

describe('endorsement key certificates', () => {
  test('of AMD say what their index says', { skip: withoutVectors }, () => {
    interface Extensions {
      readonly hwid?: string;
      readonly csp?: string;
      readonly product: string;
      readonly [component: string]: unknown;
    }
    let seen = 0;
    for (const { file, expected, product } of vectors.filter(({ kind }) =>
      /^snp-(vcek|vlek)-cert/.test(kind),
    )) {
      const said = expected['amd_extensions'] as Extensions | undefined;
      const content = vector(file);
      const [block] = content.includes('-----BEGIN') ? readPem(content.toString()) : [];
      const vek = readVek(readCertificate(block?.content ?? content));
      assert.equal(vek.product, product, file);
      if (said === undefined) continue;
      seen += 1;
      const level = (name: string): number => (said[name] ?? 0) as number;
      const order =
        product === 'Turin'
          ? ['fmc', 'bl', 'tee', 'snp', '', '', '', 'ucode']
          : ['bl', 'tee', '', '', '', '', 'snp', 'ucode'];
      assert.deepEqual([...vek.tcb], order.map(level), file);
      assert.equal(vek.hardwareId && toHex(vek.hardwareId), said.hwid, file);
      assert.equal(vek.cspId, said.csp, file);
      assert.equal(vek.kind, said.csp === undefined ? 'vcek' : 'vlek', file);
    }
    assert.ok(seen >= 20, String(seen));
  });

  test('may hold the hardware id raw or as an OCTET STRING, in its exact length', async () => {
    const read = async (amd: FakeAmd, hardwareId: Uint8Array): Promise<Uint8Array | undefined> =>
      readVek(readCertificate(await amd.vcek({ [amdOid('4')]: hardwareId }))).hardwareId;
    assert.deepEqual(await read(milan, chipId), chipId);
    assert.deepEqual(await read(milan, wrapped(chipId)), chipId);
    assert.deepEqual(await read(turin, chipId.subarray(0, 8)), chipId.subarray(0, 8));
    assert.deepEqual(await read(turin, wrapped(chipId.subarray(0, 8))), chipId.subarray(0, 8));
    for (const [amd, hardwareId] of [
      [milan, chipId.subarray(0, 8)],
      [turin, chipId],
      [milan, wrapped(chipId.subarray(1))],
      [milan, new Uint8Array(66)],
      [milan, new Uint8Array(65)],
      [milan, new Uint8Array()],
    ] as const)
      await assert.rejects(read(amd, hardwareId), { name: 'EnarxError' });
  });

  test('of Turin need an fmc and no fourth level, and may have that level as zero', async () => {
    const read = async (values: Record<string, Uint8Array | undefined>) =>
      readVek(readCertificate(await turin.vcek(values)));
    assert.deepEqual([...(await read({})).tcb], [1, 4, 0, 24, 0, 0, 0, 219]);
    assert.deepEqual([...(await read({ [amdOid('3.4')]: derInteger(0) })).tcb], [1, 4, 0, 24, 0, 0, 0, 219]);
    await assert.rejects(read({ [amdOid('3.4')]: derInteger(1) }), /patch level 4 on Turin/);
    await assert.rejects(read({ [amdOid('3.9')]: undefined }), /no extension .*3\.9/);
  });

  test('have each level in its place, some of which must be there', async () => {
    const reading = async (amd: FakeAmd, values: Record<string, Uint8Array | undefined>) =>
      readVek(readCertificate(await amd.vcek(values))).tcb;
    for (const [amd, order, optional] of [
      [milan, [1, 2, 4, 5, 6, 7, 3, 8], [4, 5, 6, 7]],
      [turin, [9, 1, 2, 3, 5, 6, 7, 8], [5, 6, 7]],
    ] as const) {
      const levels = Object.fromEntries(
        order.map((number) => [amdOid(`3.${String(number)}`), derInteger(10 * number)]),
      );
      assert.deepEqual(
        [...(await reading(amd, levels))],
        order.map((number) => 10 * number),
      );
      for (const number of order) {
        const without = reading(amd, { ...levels, [amdOid(`3.${String(number)}`)]: undefined });
        if ((optional as readonly number[]).includes(number))
          assert.equal((await without)[order.indexOf(number as never)], 0);
        else await assert.rejects(without, { expected: 'a security patch level' });
      }
    }
  });

  test('of providers name one in IA5 or UTF-8, and no chip', async () => {
    const read = async (values: Record<string, Uint8Array | undefined>) =>
      readVek(readCertificate(await milan.vlek(values)));
    assert.equal((await read({})).cspId, 'CN=cloud.example');
    assert.equal((await read({ [amdOid('5')]: derUtf8String('Wolke') })).cspId, 'Wolke');
    await assert.rejects(read({ [amdOid('5')]: undefined }), /without a provider id/);
    await assert.rejects(read({ [amdOid('4')]: chipId }), /VLEK with hardware id/);
  });

  test('name the product alone or with its stepping, and nothing that only begins alike', async () => {
    const read = async (name: string) =>
      readVek(readCertificate(await milan.vcek({ [amdOid('2')]: derUtf8String(name) }))).product;
    assert.equal(await read('Milan'), 'Milan');
    assert.equal(await read('Genoa-B1'), 'Genoa');
    for (const name of ['Milano-B0', 'Mil', '-Milan', '', '-'])
      await assert.rejects(read(name), { expected: 'Milan, Genoa, Turin' });
  });

  test('are told by their subject, which is SEV-VCEK and not VCEK', async () => {
    const named = async (name: string) =>
      readCertificate(await certify({ name: amdName(name), publicKey: milan.vek.publicKey }, milan.ask));
    assert.equal(vekKindOf(await named('SEV-VCEK')), 'vcek');
    assert.equal(vekKindOf(await named('SEV-VLEK')), 'vlek');
    for (const name of ['VCEK', 'VLEK', 'sev-vcek', 'toString', ''])
      assert.equal(vekKindOf(await named(name)), undefined);
    assert.throws(() => readVek(readCertificate(milan.certificates.ask)), {
      code: 'amd/certificate-malformed',
      found: 'the subject SEV-Milan',
      expected: 'SEV-VCEK or SEV-VLEK',
    });
  });
});

describe('the certificate table', () => {
  const guid = (text: string): Buffer => Buffer.from(text.replaceAll('-', ''), 'hex');
  const head = (name: string, offset: number, length: number): Buffer => {
    const entry = Buffer.alloc(24);
    guid(name).copy(entry);
    entry.writeUInt32LE(offset, 16);
    entry.writeUInt32LE(length, 20);
    return entry;
  };
  const table = (...parts: Buffer[]): Buffer => Buffer.concat(parts);
  const end = Buffer.alloc(24);
  const refused = (bytes: Buffer, found: RegExp): void => {
    assert.throws(
      () => readCertificateTable(bytes),
      (error: unknown) => {
        assert.equal((error as { code?: string }).code, 'amd/table-malformed');
        assert.match((error as Error).message, found);
        return true;
      },
    );
  };

  test('of a real host is taken apart as its index says', { skip: withoutVectors }, () => {
    const [entry] = vectors.filter(({ kind }) => kind === 'snp-cert-table') as [(typeof vectors)[number]];
    const bytes = vector(entry.file);
    assert.equal(looksLikeCertificateTable(bytes), true);
    const expected = entry.expected['entries'] as { guid: string; offset: number; length: number }[];
    assert.deepEqual(
      readCertificateTable(bytes).map(({ guid: name, content }) => ({
        name,
        length: content.length,
        offset: content.byteOffset - bytes.byteOffset,
      })),
      expected.map(({ guid: name, length, offset }) => ({ name, length, offset })),
    );
  });

  test('may be empty, and may hold entries that nobody knows', () => {
    assert.deepEqual(readCertificateTable(end), []);
    const strange = '00112233-4455-6677-8899-aabbccddeeff';
    const [one] = readCertificateTable(table(head(strange, 48, 2), end, Buffer.from('hi')));
    assert.equal(one?.guid, strange);
    assert.equal(Buffer.from(one.content).toString(), 'hi');
    assert.equal(looksLikeCertificateTable(end), false);
    assert.equal(looksLikeCertificateTable(end.subarray(1)), false);
    const first = head(certificateTableGuids.vcek, 48, 2);
    assert.equal(looksLikeCertificateTable(first), true);
    assert.equal(looksLikeCertificateTable(first.subarray(0, 23)), false);
  });

  test('with lengths that the host made up is refused', () => {
    const { vcek, ask } = certificateTableGuids;
    refused(Buffer.alloc(0), /no entry of zeros/);
    refused(Buffer.alloc(23), /no entry of zeros/);
    refused(head(vcek, 24, 0), /no entry of zeros/);
    refused(table(head(vcek, 48, 1), end), /at 48, 1 bytes; expected within 48 bytes/);
    refused(table(head(vcek, 47, 1), end, Buffer.alloc(8)), /at 47/);
    refused(table(head(vcek, 0, 4), end, Buffer.alloc(8)), /at 0/);
    // In 32 bits this sum is 0x10 and would pass.
    refused(table(head(vcek, 0xffff_fff0, 0x20), end, Buffer.alloc(64)), /at 4294967280/);
    refused(table(head(vcek, 48, 0xffff_ffff), end, Buffer.alloc(64)), /4294967295 bytes/);
    refused(table(head(vcek, 96, 1), head(ask, 96, 1), head(vcek, 96, 1), end, Buffer.alloc(8)), /twice/);
    refused(table(...Array.from({ length: 65 }, () => head(ask, 9999, 1)), end), /more than 64 entries/);
  });
});

test('the addresses at AMD’s service have the shape that it documents', () => {
  const tcb = Uint8Array.of(4, 0, 0, 0, 0, 0, 24, 219);
  assert.equal(
    vcekUrl('Genoa', chipId, tcb),
    `https://kdsintf.amd.com/vcek/v1/Genoa/${toHex(chipId)}?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219`,
  );
  assert.equal(chainUrl('Turin', 'vlek'), 'https://kdsintf.amd.com/vlek/v1/Turin/cert_chain');
});

test('the product follows from family and model, and unknown ones have none', () => {
  const of = (family: number, model: number): string | undefined =>
    productOfCpuid({ family, model, stepping: 0 });
  for (const [family, model, product] of [
    [0x19, 0x00, 'Milan'],
    [0x19, 0x0f, 'Milan'],
    [0x19, 0x10, 'Genoa'],
    [0x19, 0x1f, 'Genoa'],
    [0x19, 0x20, undefined],
    [0x19, 0x9f, undefined],
    [0x19, 0xa0, 'Genoa'],
    [0x19, 0xaf, 'Genoa'],
    [0x19, 0xb0, undefined],
    [0x1a, 0x00, 'Turin'],
    [0x1a, 0x11, 'Turin'],
    [0x1a, 0x12, undefined],
    [0x1a, 0x50, undefined],
    [0x17, 0x01, undefined],
  ] as const)
    assert.equal(of(family, model), product, `${family.toString(16)} ${model.toString(16)}`);
});
