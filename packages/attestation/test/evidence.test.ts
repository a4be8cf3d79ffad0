// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { concatBytes, encodeMessage, evidence as evidenceMessage } from '@enarx/protocol';

import { certificateTableGuids } from '../src/amd/certificate-table.ts';
import { anchorFromPem, vendorAnchors } from '../src/anchors.ts';
import {
  derBitString,
  derExplicit,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derUtf8String,
} from '../src/der/index.ts';
import { maxEndorsements, readEndorsement, readEndorsements } from '../src/endorsements.ts';
import { recogniseEvidence } from '../src/evidence.ts';
import { decodeBase64, readPem, writePem } from '../src/pem.ts';
import {
  ecAuthority,
  fakeAmd,
  issueList,
  rsaAuthority,
  type Authority,
  type FakeAmd,
} from './support/fake-amd.ts';
import { vector, withoutVectors } from './support/vectors.ts';
import { assertOnly, checkOf, failures, verifyFake } from './support/verifying.ts';

let amd: FakeAmd;
let report: Buffer;
before(async () => {
  amd = await fakeAmd('Genoa');
  report = Buffer.from(await amd.report());
});

const utf8 = (text: string): Buffer => Buffer.from(text);
const refused = (bytes: Uint8Array, code: string, found = /./): void => {
  assert.throws(
    () => recogniseEvidence(bytes),
    (error: unknown) => {
      assert.equal((error as { code?: string }).code, code, String(error));
      assert.match((error as Error).message, found);
      return true;
    },
  );
};

function table(...entries: (readonly [guid: string, content: Uint8Array])[]): Buffer {
  let offset = 24 * (entries.length + 1);
  const heads = entries.map(([guid, content]) => {
    const head = Buffer.alloc(24);
    Buffer.from(guid.replaceAll('-', ''), 'hex').copy(head);
    head.writeUInt32LE(offset, 16);
    head.writeUInt32LE(content.length, 20);
    offset += content.length;
    return head;
  });
  return Buffer.concat([...heads, Buffer.alloc(24), ...entries.map(([, content]) => content)]);
}

describe('evidence is told by its content', () => {
  test('a report alone, in hex and in base64, with white space and in either alphabet', () => {
    for (const bytes of [
      report,
      utf8(report.toString('hex')),
      utf8(
        report
          .toString('hex')
          .toUpperCase()
          .replace(/(.{32})/g, '$1\n'),
      ),
      utf8(`\n ${report.toString('base64')}\n`),
      utf8(report.toString('base64url')),
      utf8(`0x${report.toString('hex')}`),
      utf8(`"${report.toString('base64')}"\n`),
      utf8(`"0x${report.toString('hex')}"`),
    ])
      assert.deepEqual(Buffer.from(recogniseEvidence(bytes).report), report);
  });

  test('the response of the driver, with a good status and nothing but zeros around the report', () => {
    const head = Buffer.alloc(32);
    head.writeUInt32LE(1184, 4);
    for (const rest of [0, 4000 - 32 - 1184]) {
      const response = Buffer.concat([head, report, Buffer.alloc(rest)]);
      assert.deepEqual(recogniseEvidence(response).report, report);
      const failedResponse = Buffer.from(response);
      failedResponse[0] = 0x16;
      refused(failedResponse, 'evidence/malformed', /status 22/);
      const dirty = Buffer.from(response);
      dirty[8] = 1;
      refused(dirty, 'evidence/malformed', /around the report/);
    }
    const dirty = Buffer.concat([head, report, Buffer.alloc(4000 - 32 - 1184, 1)]);
    refused(dirty, 'evidence/malformed', /around the report/);
  });

  test('a report with its table behind it, and nothing else behind it', async () => {
    const behind = table(
      [certificateTableGuids.extraPlatformInfo, Buffer.alloc(8)],
      [certificateTableGuids.vcek, await amd.vcek()],
      [certificateTableGuids.ask, amd.certificates.ask],
      [certificateTableGuids.ark, Buffer.from(writePem('CERTIFICATE', amd.certificates.ark))],
      [certificateTableGuids.crl, await issueList(amd.ark)],
      ['00112233-4455-6677-8899-aabbccddeeff', Buffer.from('what?')],
    );
    const recognised = recogniseEvidence(Buffer.concat([report, behind]));
    assert.deepEqual(recognised.endorsements, [behind]);
    const { certificates, revocationLists, unreadable } = readEndorsements(recognised.endorsements);
    assert.deepEqual([certificates.length, revocationLists.length, unreadable], [3, 1, []]);
    refused(Buffer.concat([report, Buffer.of(0)]), 'evidence/malformed', /1 bytes behind the report/);
    refused(Buffer.alloc(1185), 'evidence/unrecognised', /1185 bytes/);
  });

  test('our own message carries report and table', async () => {
    const endorsements = table(
      [certificateTableGuids.vcek, await amd.vcek()],
      [certificateTableGuids.ask, amd.certificates.ask],
      [certificateTableGuids.ark, amd.certificates.ark],
    );
    const message = encodeMessage(evidenceMessage, { format: 'snp', report, endorsements });
    const result = await verifyFake(amd, { report: message });
    assert.deepEqual(failures(result), []);
    refused(message.subarray(0, -1), 'cbor/malformed');
  });

  test('JSON of configfs-tsm, of another provider refused', () => {
    const members = { outblob: report.toString('base64'), provider: 'sev_guest\n' };
    assert.deepEqual(recogniseEvidence(utf8(JSON.stringify(members))).report, new Uint8Array(report));
    const auxblob = table().toString('base64');
    assert.equal(recogniseEvidence(utf8(JSON.stringify({ ...members, auxblob }))).endorsements.length, 1);
    refused(
      utf8(JSON.stringify({ ...members, provider: 'tdx_guest' })),
      'evidence/unrecognised',
      /another provider/,
    );
    refused(utf8(JSON.stringify({ ...members, provider: 7 })), 'evidence/unrecognised', /another provider/);
    refused(
      utf8(JSON.stringify({ ...members, outblob: 'ä' })),
      'evidence/malformed',
      /outblob that is neither/,
    );
    refused(utf8(JSON.stringify({ ...members, outblob: '' })), 'evidence/malformed');
    refused(utf8(JSON.stringify({ ...members, outblob: [256] })), 'evidence/malformed');
    refused(utf8(JSON.stringify({ ...members, outblob: {} })), 'evidence/malformed');
  });

  test('JSON of a report in base64, with its certificates by name', async () => {
    const vcek = await amd.vcek();
    const body = report.toString('base64');
    const certificate = Buffer.from(vcek).toString('base64');
    for (const value of [
      { attestation_report: body, cert_chain: { vcek: certificate, ask: null } },
      { attestation_report: body, cert_chain: { vcek: writePem('CERTIFICATE', vcek) } },
      { report: body, vcek: certificate },
      { evidence: body, endorsements: utf8(writePem('CERTIFICATE', vcek)).toString('base64') },
      {
        SnpReport: report.toString('base64url'),
        VcekCertChain: utf8(writePem('CERTIFICATE', vcek)).toString('base64url'),
      },
    ]) {
      const found = recogniseEvidence(utf8(JSON.stringify(value)));
      assert.deepEqual(found.report, new Uint8Array(report));
      assert.deepEqual(
        readEndorsements(found.endorsements).certificates.map(({ encoded }) => Buffer.from(encoded)),
        [Buffer.from(vcek)],
      );
    }
    assert.deepEqual(recogniseEvidence(utf8(JSON.stringify({ report: body }))).endorsements, []);
  });

  test('endorsements in the place of evidence are refused by their names', async () => {
    const vcek = await amd.vcek();
    refused(vcek, 'evidence/unrecognised', /found a certificate of SEV-VCEK; expected evidence; these are/);
    refused(
      utf8(writePem('CERTIFICATE', vcek) + writePem('X509 CRL', await issueList(amd.ark))),
      'evidence/unrecognised',
      /a certificate of SEV-VCEK, a revocation list of ARK-Genoa/,
    );
    refused(utf8(writePem('PUBLIC KEY', vcek)), 'evidence/unrecognised', /found PEM/);
  });

  test('JSON of nothing that we know, or broken, is refused', () => {
    refused(utf8('{"a":1,"__proto__":{"outblob":"AA=="}}'), 'evidence/unrecognised', /members a, __proto__/);
    refused(utf8('{"outblob":'), 'evidence/unrecognised', /11 bytes/);
    refused(utf8('{"platform":"az-snp"}'), 'evidence/unrecognised');
    refused(utf8('[]'), 'evidence/malformed', /no object/);
    refused(utf8('{"attestation_report":null}'), 'evidence/unrecognised');
    refused(utf8('{"attestation_report":7}'), 'evidence/malformed', /attestation_report that is neither/);
    refused(utf8('{"evidence":"AAAA"}'), 'evidence/unrecognised', /members evidence/);
    refused(utf8('{"evidence":"AAAA","endorsements":null}'), 'evidence/malformed', /endorsements that is/);
    refused(utf8('{"report":"AAAA","quote":{}}'), 'evidence/malformed', /list of PCRs/);
    refused(utf8('{"report":"AAAA","quote":{"pcrs":[1]}}'), 'evidence/malformed', /message/);
    refused(utf8('{"report":"AAAA","vcek":1}'), 'evidence/malformed', /vcek/);
    refused(utf8('{"report":"AAAA"}'), 'azure/malformed');
    refused(
      utf8(`{"report":"AAAA","quote":{"pcrs":[${'1,'.repeat(24)}1]}}`),
      'evidence/malformed',
      /list of PCRs/,
    );
  });

  test('nothing at all, noise and other text are refused', () => {
    for (const bytes of ['', 'hello', 'QUJD', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----'].map(
      utf8,
    ))
      refused(bytes, 'evidence/unrecognised');
    refused(Buffer.from([0xff, 0xfe]), 'evidence/unrecognised');
    refused(Buffer.alloc(3), 'evidence/unrecognised');
  });
});

describe('a dump of fields', { skip: withoutVectors }, () => {
  const file = 'confidential-containers+trustee/attestation-service/tests/e2e/evidence.json';
  interface Dump {
    attestation_report: Record<string, unknown>;
    cert_chain?: unknown;
  }
  const changed = (change: (dump: Dump) => void): Uint8Array => {
    const dump = JSON.parse(vector(file).toString()) as Dump;
    change(dump);
    return utf8(JSON.stringify(dump));
  };

  test('is rebuilt also without certificates, with vectors and with an fmc', () => {
    const bare = recogniseEvidence(changed((dump) => delete dump.cert_chain));
    assert.deepEqual(bare.endorsements, []);
    const turin = recogniseEvidence(
      changed(({ attestation_report: fields }) => {
        Object.assign(fields, {
          current_tcb: { fmc: 1, bootloader: 2, tee: 3, snp: 4, microcode: 5 },
          current_mit_vector: 258,
        });
      }),
    ).report;
    assert.deepEqual([...turin.subarray(0x38, 0x40)], [1, 2, 3, 4, 0, 0, 0, 5]);
    assert.deepEqual([...turin.subarray(0x200, 0x208)], [2, 1, 0, 0, 0, 0, 0, 0]);
  });

  /** The same fields under the names and in the forms of other releases. */
  const genuine = (): Uint8Array => recogniseEvidence(vector(file)).report;

  test('of before 2025 is rebuilt: versions in three members, key information called _author_key_en', () => {
    const old = changed((dump) => {
      const { key_info, current, committed, ...fields } = dump.attestation_report;
      for (const [name, version] of Object.entries({ current, committed }))
        for (const [part, value] of Object.entries(version as object)) fields[`${name}_${part}`] = value;
      dump.attestation_report = { ...fields, _author_key_en: key_info };
    });
    assert.deepEqual(recogniseEvidence(old).report, genuine());
  });

  test('in hex is rebuilt, also with nothing around it', () => {
    const hex = changed(({ attestation_report: fields }) => {
      for (const holder of [fields, fields['signature'] as Record<string, unknown>])
        for (const [name, value] of Object.entries(holder))
          if (Array.isArray(value)) holder[name] = Buffer.from(value as number[]).toString('hex');
    });
    assert.deepEqual(recogniseEvidence(hex).report, genuine());
    const { attestation_report: fields } = JSON.parse(Buffer.from(hex).toString()) as Dump;
    assert.deepEqual(recogniseEvidence(utf8(JSON.stringify(fields))).report, genuine());
  });

  test('with anything missing or out of range is refused', () => {
    for (const [change, found] of [
      [(dump: Dump) => delete dump.attestation_report['chip_id'], /chip_id that is no list of 64 bytes/],
      [(dump: Dump) => (dump.attestation_report['chip_id'] = [1]), /chip_id that is no list of 64 bytes/],
      [(dump: Dump) => (dump.attestation_report['vmpl'] = -1), /vmpl that is no number/],
      [(dump: Dump) => (dump.attestation_report['policy'] = 1.5), /policy that is no number/],
      [(dump: Dump) => (dump.attestation_report['vmpl'] = '0'), /vmpl that is no number/],
      [(dump: Dump) => (dump.attestation_report['signature'] = null), /no signature/],
      [(dump: Dump) => (dump.attestation_report['signature'] = 'x'), /no signature/],
      [
        (dump: Dump) => (dump.attestation_report['cpuid_step'] = 256),
        /cpuid_step that is no number up to 255/,
      ],
      [(dump: Dump) => (dump.attestation_report['chip_id'] = 'ä'), /chip_id that is no list of 64 bytes/],
      [(dump: Dump) => (dump.cert_chain = 7), /cert_chain that is no list/],
      [(dump: Dump) => (dump.cert_chain = { vcek: 7 }), /cert_chain that is neither/],
      [(dump: Dump) => delete dump.attestation_report['current'], /no current/],
      [(dump: Dump) => (dump.attestation_report['current_build'] = 8), /current.minor that is no number/],
    ] as const)
      refused(changed(change), 'evidence/malformed', found);
  });
});

describe('a certification request with a report', () => {
  let key: Authority;
  before(async () => {
    key = await ecAuthority('keep', 'P-384');
  });

  interface Parts {
    readonly version?: number;
    readonly attribute?: string;
    readonly extension?: string;
    readonly endorsements?: Uint8Array;
    readonly signer?: Authority;
    /** Where a NULL too much stands at the end. */
    readonly longer?: Level;
  }
  const levels = ['whole', 'body', 'attributes', 'attribute', 'extensions', 'extension', 'evidence'] as const;
  type Level = (typeof levels)[number];

  async function request(inner: Uint8Array, parts: Parts = {}): Promise<Uint8Array> {
    const {
      version = 0,
      attribute = '1.2.840.113549.1.9.14',
      extension = '1.3.6.1.4.1.58270.1.3',
      signer = key,
    } = parts;
    const end = (level: Level): Uint8Array[] => (parts.longer === level ? [derNull()] : []);
    const evidence = derSequence(
      parts.endorsements ?? (await amd.vcek()),
      derOctetString(inner),
      ...end('evidence'),
    );
    const extensions = derSequence(
      derSequence(derOid(extension), derOctetString(evidence), ...end('extension')),
      ...end('extensions'),
    );
    const body = derSequence(
      derInteger(version),
      derSequence(),
      key.publicKey,
      derExplicit(
        0,
        concatBytes(
          derSequence(derOid(attribute), derSet(extensions), ...end('attribute')),
          ...end('attributes'),
        ),
      ),
      ...end('body'),
    );
    return derSequence(
      body,
      signer.signer.algorithm,
      derBitString(await signer.signer.sign(body)),
      ...end('whole'),
    );
  }

  const bound = async (): Promise<Uint8Array> =>
    amd.report({
      0x50: Buffer.concat([
        Buffer.from(await crypto.subtle.digest('SHA-384', key.publicKey)),
        Buffer.alloc(16),
      ]),
    });

  test('is verified with the report in it, which is for its key', async () => {
    const result = await verifyFake(amd, { report: await request(await bound()) });
    assert.deepEqual(failures(result), []);
    assert.equal(checkOf(result, 'csr/key-bound').status, 'pass');
    const vcek = await amd.vcek();
    assert.deepEqual(recogniseEvidence(await request(report, { endorsements: vcek })).endorsements, [vcek]);
    const lists = derSequence(derSequence(derSequence(derUtf8String('https://…'), await issueList(amd.ark))));
    const withLists = await request(await bound(), { endorsements: derSequence(await amd.vcek(), lists) });
    assert.equal(recogniseEvidence(withLists).endorsements.length, 2);
  });

  test('with a report for another key is refused', async () => {
    await assertOnly('csr/key-bound', /not for the key/, verifyFake(amd, { report: await request(report) }));
  });

  test('that its own key did not sign is refused', async () => {
    const reason = /not signed by the key in it/;
    const same = await ecAuthority('thief', 'P-384');
    await assertOnly(
      'csr/signature',
      reason,
      verifyFake(amd, { report: await request(await bound(), { signer: same }) }),
    );
    const other = await rsaAuthority('thief');
    await assertOnly(
      'csr/signature',
      reason,
      verifyFake(amd, { report: await request(await bound(), { signer: other }) }),
    );
    const publicKey = key.publicKey.slice();
    publicKey[publicKey.length - 1] = (publicKey.at(-1) as number) ^ 1;
    const broken = Buffer.from(await request(await bound()));
    broken.set(publicKey, broken.indexOf(key.publicKey));
    assert.deepEqual(failures(await verifyFake(amd, { report: broken })), ['csr/signature', 'csr/key-bound']);
  });

  test('for something else is refused', async () => {
    refused(await request(report, { attribute: '1.2.840.113549.1.9.7' }), 'evidence/unrecognised', /1\.9\.7/);
    refused(
      await request(report, { extension: '1.3.6.1.4.1.58270.1.2' }),
      'evidence/unrecognised',
      /58270\.1\.2/,
    );
    refused(await request(report, { version: 1 }), 'der/malformed');
  });

  test('with anything behind any of its parts is refused', async () => {
    for (const longer of levels) refused(await request(report, { longer }), 'der/malformed', /2 more bytes/);
    const entry = derSequence(derUtf8String('https://…'), await issueList(amd.ark), derNull());
    const endorsements = derSequence(await amd.vcek(), derSequence(derSequence(entry)));
    refused(await request(report, { endorsements }), 'der/malformed', /2 more bytes/);
  });
});

describe('endorsements are told by their content', () => {
  test('in every form, in any order', async () => {
    const vcek = await amd.vcek();
    const list = await issueList(amd.ark);
    const { ask, ark } = amd.certificates;
    const pem = [writePem('CERTIFICATE', ark), 'text between\n', writePem('X509 CRL', list)].join('');
    const thim = JSON.stringify({
      vcekCert: writePem('CERTIFICATE', vcek),
      certificateChain: writePem('CERTIFICATE', ask),
      tcbm: '00',
    });
    for (const blobs of [
      [vcek, ask, ark, list],
      [Buffer.concat([list, ark, vcek, ask])],
      [derSequence(ark, ask), vcek, list],
      [utf8(pem), utf8(thim)],
      [utf8(utf8(thim).toString('base64')), utf8(utf8(pem).toString('hex'))],
      [utf8(Buffer.from(vcek).toString('base64')), utf8(Buffer.from(ask).toString('hex')), utf8(pem)],
      [new Uint8Array(), Buffer.alloc(24), vcek, ask, ark, list],
      [utf8(JSON.stringify([Buffer.from(vcek).toString('hex'), Buffer.from(ask).toString('base64'), pem]))],
      [
        table([certificateTableGuids.ask, Buffer.concat([ask, ark])], [certificateTableGuids.vlek, vcek]),
        list,
      ],
    ]) {
      const { certificates, revocationLists, unreadable } = readEndorsements(blobs);
      assert.deepEqual(unreadable, []);
      assert.deepEqual(certificates.map(({ subject }) => subject.commonName).sort(), [
        'ARK-Genoa',
        'SEV-Genoa',
        'SEV-VCEK',
      ]);
      assert.deepEqual(revocationLists.length, 1);
    }
  });

  test('are text in text at most, and not any deeper', async () => {
    const base64 = (bytes: Uint8Array): Buffer => utf8(Buffer.from(bytes).toString('base64'));
    const once = base64(await amd.vcek());
    const twice = base64(once);
    const inArray = (text: Buffer): Buffer => utf8(JSON.stringify([text.toString()]));
    for (const [blob, read] of [
      [once, 1],
      [twice, 1],
      [base64(twice), 0],
      [inArray(once), 1],
      [inArray(twice), 0],
    ] as const)
      assert.equal(readEndorsements([blob]).certificates.length, read);
  });

  test('that are none are told of, and the others are still read', async () => {
    const vcek = await amd.vcek();
    const nine = Object.fromEntries(Array.from('abcdefghi', (name) => [name, 1]));
    for (const [blob, found] of [
      [utf8('{"a":1}'), /JSON with the members a; expected vcekCert/],
      [utf8(JSON.stringify(nine)), /JSON with the members a, b, c, d, e, f, g, h; expected/],
      [utf8('{"vcekCert":"x"}'), /JSON with the members/],
      [
        utf8(writePem('CERTIFICATE', vcek).replaceAll('\n', '\\n')),
        /PEM without a block in it; expected BEGIN/,
      ],
      [
        utf8(writePem('CERTIFICATE', vcek).replaceAll('\n', ' ')),
        /PEM without a block in it; expected BEGIN/,
      ],
      [utf8('[7]'), /an array of other things than texts/],
      [utf8('["[7]"]'), /an array of other things than texts/],
      [utf8(writePem('PRIVATE KEY', vcek)), /a PEM block PRIVATE KEY/],
      [utf8('-----BEGIN CERTIFICATE-----\n'), /without its end/],
      [utf8(writePem('CERTIFICATE', new Uint8Array())), /the end of the data/],
      [derSequence(derSequence(derSequence())), /no certificate|the end of the data/],
      [derSequence(derSequence(derSequence(derSequence()))), /no certificate/],
      [derSequence(derNull()), /found null/],
      [table([certificateTableGuids.vcek, new Uint8Array()]), /the end of the data/],
      [Buffer.alloc(23), /no entry of zeros/],
    ] as const) {
      const { certificates, unreadable } = readEndorsements([blob, vcek]);
      assert.equal(certificates.length, 1);
      assert.equal(unreadable.length, 1);
      assert.match(unreadable[0] as string, found);
      assert.match(unreadable[0] as string, /^endorsement 1: /);
    }
  });

  test('are read up to a number that no chain reaches', async () => {
    const vcek = await amd.vcek();
    const many = Buffer.concat(Array.from({ length: maxEndorsements + 1 }, () => vcek));
    const { certificates, unreadable } = readEndorsements([many]);
    assert.equal(certificates.length, maxEndorsements);
    assert.match(unreadable[0] as string, /more than 64/);
    // Lists count like certificates.
    const list = await issueList(amd.ark);
    const mixed = readEndorsements([Buffer.concat(Array.from({ length: 33 }, () => [vcek, list]).flat())]);
    assert.deepEqual([mixed.certificates.length, mixed.revocationLists.length], [32, 32]);
    assert.match(mixed.unreadable[0] as string, /more than 64/);
  });

  test('are read one by one, where what cannot be read is thrown back', async () => {
    const [vcek, list] = [await amd.vcek(), await issueList(amd.ark)];
    const { certificates, revocationLists } = readEndorsement(concatBytes(vcek, list));
    assert.deepEqual([certificates[0]?.encoded, revocationLists[0]?.encoded], [vcek, list]);
    assert.throws(() => readEndorsement(derSequence(derNull())), { code: 'der/malformed' });
  });

  test('of several keys the one that fits is used, and a wrong kind never hides the right one', async () => {
    const older = await amd.vcek({ '1.3.6.1.4.1.3704.1.3.8': derInteger(210) });
    const foreign = await amd.vcek({ '1.3.6.1.4.1.3704.1.4': new Uint8Array(64).fill(9) });
    const vlek = await amd.vlek();
    const good = await amd.vcek();
    for (const order of [
      [older, foreign, vlek, good],
      [good, vlek, foreign, older],
    ]) {
      const [vek, ...more] = order as [Uint8Array, ...Uint8Array[]];
      assert.deepEqual(failures(await verifyFake(amd, { vek, more: [...more, amd.certificates.asvk] })), []);
    }
  });

  test('with several issuers of one name, the one whose key signed is used', async () => {
    const impostors = await Promise.all([rsaAuthority('SEV-Genoa'), ecAuthority('SEV-Genoa', 'P-384')]);
    const { certify, basicConstraints, keyUsage } = await import('./support/fake-amd.ts');
    const extensions = [basicConstraints(true, 0), keyUsage(0x04)];
    const others = await Promise.all(impostors.map((impostor) => certify(impostor, amd.ark, { extensions })));
    const [first, second] = others as [Uint8Array, Uint8Array];
    assert.deepEqual(
      failures(await verifyFake(amd, { ask: first, more: [second, amd.certificates.ask] })),
      [],
    );
    const none = await verifyFake(amd, { ask: first, more: [second] });
    assert.deepEqual(failures(none), ['x509/signatures'], 'none of them signed: the failure shows');
    const point = impostors[1].publicKey.slice();
    point[point.length - 1] = (point.at(-1) as number) ^ 1;
    const broken = await certify({ ...impostors[1], publicKey: point }, amd.ark, { extensions });
    assert.deepEqual(failures(await verifyFake(amd, { ask: broken, more: [amd.certificates.ask] })), []);
  });
});

describe('anchors', () => {
  test('named by the caller are simulated, unless they are a vendor’s own', async () => {
    const certificate = await anchorFromPem(writePem('CERTIFICATE', amd.certificates.ark));
    assert.deepEqual(certificate, amd.anchor);
    const key = await anchorFromPem(utf8(writePem('PUBLIC KEY', amd.ark.publicKey)));
    assert.deepEqual(key, {
      ...amd.anchor,
      name: `key ${Buffer.from(amd.anchor.spkiDigest).toString('hex', 0, 8)}`,
    });
    const { amdAuthorities } = await import('../src/amd/authorities.ts');
    const [arkMilan] = amdAuthorities;
    assert.equal(
      await anchorFromPem(writePem('CERTIFICATE', (arkMilan as { encoded: Uint8Array }).encoded)),
      vendorAnchors.find(({ name }) => name === 'ARK-Milan'),
    );
  });

  test('of other shapes are refused', async () => {
    const ark = writePem('CERTIFICATE', amd.certificates.ark);
    await assert.rejects(anchorFromPem(''), { code: 'anchor/malformed' });
    await assert.rejects(anchorFromPem(ark + ark), /2 PEM blocks/);
    await assert.rejects(anchorFromPem(writePem('X509 CRL', new Uint8Array())), /a X509 CRL block/);
    await assert.rejects(anchorFromPem(writePem('PUBLIC KEY', Uint8Array.of(1))), { code: 'der/malformed' });
  });

  test('that the release pins are AMD’s five roots', () => {
    assert.deepEqual(
      vendorAnchors.filter(({ vendor }) => vendor === 'amd').map(({ name, simulated }) => [name, simulated]),
      [
        ['ARK-Naples', false],
        ['ARK-Rome', false],
        ['ARK-Milan', false],
        ['ARK-Genoa', false],
        ['ARK-Turin', false],
      ],
    );
  });
});

describe('PEM', () => {
  test('is read as it was written, line ends of either sort', () => {
    const text = writePem('CERTIFICATE', report);
    assert.deepEqual(readPem(text.replaceAll('\n', '\r\n')), [
      { label: 'CERTIFICATE', content: new Uint8Array(report) },
    ]);
    assert.equal(writePem('A', new Uint8Array()), '-----BEGIN A-----\n-----END A-----\n');
  });

  test('of other shapes is refused', () => {
    for (const text of [
      '-----BEGIN A-----\nAAAA\n-----END B-----',
      '-----BEGIN A-----\nAAA\n-----END A-----',
      '-----BEGIN A-----\n',
    ])
      assert.throws(() => readPem(text), { code: 'pem/malformed' });
    assert.deepEqual(readPem('nothing'), []);
    // Stray bits in the last digit would give one certificate many spellings.
    for (const text of ['AB==', 'A===', 'A', 'AAAA=', '====', 'AA-_'])
      assert.equal(decodeBase64(text), undefined, text);
  });
});
