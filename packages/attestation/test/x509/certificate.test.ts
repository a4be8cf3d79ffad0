// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derTime,
  derUtf8String,
  readDer,
  tags,
} from '../../src/der/index.ts';
import { readPem } from '../../src/pem.ts';
import { keyKindOf, readCertificate, type Certificate } from '../../src/x509/index.ts';
import {
  amdName,
  at,
  basicConstraints,
  certify,
  ecAuthority,
  keyUsage,
  pssIdentifier,
  rsaAuthority,
  type Authority,
} from '../support/fake-amd.ts';
import { withoutVectors } from '../support/vectors.ts';

let rsa: Authority;
let ec: Authority;
before(async () => {
  [rsa, ec] = await Promise.all([rsaAuthority('root'), ecAuthority('leaf', 'P-384')]);
});

const refused = (code: string, found: RegExp) => (error: unknown) => {
  assert.equal((error as { code?: string }).code, code, String(error));
  assert.match((error as Error).message, found);
  return true;
};

/** All certificates of a corpus, DER, by file name. */
function* certificatesOf(directory: string): Generator<[string, Uint8Array]> {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = readFileSync(path);
    if (/\.(der|testcer)$/.test(entry.name)) yield [path, content];
    else if (content.length < 100_000 && content.includes('-----BEGIN CERTIFICATE-----'))
      for (const { label, content: der } of readPem(content.toString('latin1')))
        if (label === 'CERTIFICATE') yield [path, der];
  }
}

describe('real certificates', { skip: withoutVectors }, () => {
  test('of AMD, Intel and AWS are read as OpenSSL reads them', () => {
    const root = process.env['ENARX_VECTORS'] ?? join(import.meta.dirname, '../../../../../shared/vectors');
    const seen = new Map<string, number>();
    for (const vendor of ['amd', 'sgx', 'tdx', 'nitro']) {
      for (const [path, der] of certificatesOf(join(root, vendor))) {
        let ours: Certificate;
        let theirs: X509Certificate;
        try {
          ours = readCertificate(der);
          theirs = new X509Certificate(der);
        } catch {
          continue;
        }
        // OpenSSL takes several certificates in one file for the first of them.
        if (!theirs.raw.equals(der)) continue;
        seen.set(vendor, (seen.get(vendor) ?? 0) + 1);
        assert.equal(ours.serial, BigInt(`0x${theirs.serialNumber}`), path);
        assert.equal(ours.notBefore, theirs.validFromDate.getTime(), path);
        assert.equal(ours.notAfter, theirs.validToDate.getTime(), path);
        assert.deepEqual(
          Buffer.from(ours.publicKey),
          theirs.publicKey.export({ type: 'spki', format: 'der' }),
          path,
        );
        assert.equal(ours.basicConstraints?.ca ?? false, theirs.ca, path);
        assert.equal(
          /CN=(.*)$/m.exec(theirs.subject)?.[1]?.replace(/\\/g, '') ?? '',
          ours.subject.commonName,
          path,
        );
        assert.equal(
          /CN=(.*)$/m.exec(theirs.issuer)?.[1]?.replace(/\\/g, '') ?? '',
          ours.issuer.commonName,
          path,
        );
      }
    }
    assert.ok((seen.get('amd') ?? 0) >= 60, JSON.stringify([...seen]));
    assert.ok((seen.get('sgx') ?? 0) >= 50, JSON.stringify([...seen]));
  });

  test('of AMD have the pinned identities, serial 0 for keys, and both spellings of the PSS parameters', () => {
    const root = process.env['ENARX_VECTORS'] ?? join(import.meta.dirname, '../../../../../shared/vectors');
    const identifierLengths = new Set<number>();
    for (const [, der] of certificatesOf(join(root, 'amd'))) {
      let certificate: Certificate;
      try {
        certificate = readCertificate(der);
      } catch {
        continue;
      }
      const { commonName } = certificate.subject;
      if (/^SEV-V[CL]EK$/.test(commonName)) {
        assert.equal(certificate.serial, 0n);
        assert.equal(certificate.basicConstraints, undefined);
        assert.equal(certificate.keyUsage, undefined);
        assert.equal(certificate.keyKind, 'p384');
      } else {
        assert.equal(certificate.basicConstraints?.ca, true);
        assert.equal(certificate.keyUsage?.keyCertSign, true);
        assert.equal(certificate.keyUsage.crlSign, commonName.startsWith('ARK-'));
      }
      assert.equal(certificate.signatureAlgorithm.name, 'RSASSA-PSS SHA-384 salt 48');
      identifierLengths.add(certificate.encoded.length - certificate.toBeSigned.length);
    }
    assert.ok(identifierLengths.size >= 2, 'with and without the trailer field');
  });
});

describe('our own certificates', () => {
  test('are read as they were issued, and OpenSSL agrees', async () => {
    const extensions = [basicConstraints(true, 3), keyUsage(0x86), { oid: '1.2.3', value: derNull() }];
    const notAfter = Date.UTC(2060, 1, 29);
    const der = await certify(ec, rsa, { serial: 0x1234567890abcdefn, extensions, notAfter });
    const certificate = readCertificate(der);
    const theirs = new X509Certificate(der);
    assert.equal(certificate.serial, 0x1234567890abcdefn);
    assert.equal(theirs.serialNumber, '1234567890ABCDEF');
    assert.equal(certificate.notAfter, notAfter);
    assert.equal(theirs.validToDate.getTime(), notAfter);
    assert.deepEqual(certificate.basicConstraints, { ca: true, pathLength: 3 });
    assert.deepEqual(certificate.keyUsage, { digitalSignature: true, keyCertSign: true, crlSign: true });
    assert.deepEqual(certificate.publicKey, ec.publicKey);
    assert.equal(certificate.issuer.commonName, 'root');
    assert.equal(certificate.extensions.get('1.2.3')?.critical, false);
    const issuer = new X509Certificate(await certify(rsa, rsa));
    assert.equal(theirs.verify(issuer.publicKey), true);
  });

  test('may say that a key is for nothing', async () => {
    const nothing = { oid: '2.5.29.15', critical: true, value: derBitString(new Uint8Array()) };
    assert.deepEqual(readCertificate(await certify(ec, rsa, { extensions: [nothing] })).keyUsage, {
      digitalSignature: false,
      keyCertSign: false,
      crlSign: false,
    });
  });

  test('may say that a key is for deciphering alone, whose bit is at the other end of the octet', async () => {
    const usage = { oid: '2.5.29.15', critical: true, value: derBitString(Uint8Array.of(1)) };
    assert.deepEqual(readCertificate(await certify(ec, rsa, { extensions: [usage] })).keyUsage, {
      digitalSignature: false,
      keyCertSign: false,
      crlSign: false,
    });
  });

  test('without extensions and with the trailer field are read too', async () => {
    const old = await rsaAuthority('root', true);
    const der = await certify(ec, old);
    assert.equal(readCertificate(der).extensions.size, 0);
    assert.equal(
      new X509Certificate(der).verify(new X509Certificate(await certify(old, old)).publicKey),
      true,
    );
  });
});

describe('what RFC 5280 forbids', () => {
  /** A certificate, unsigned, from whatever parts. */
  const assemble = (
    parts: Partial<
      Record<
        'version' | 'serial' | 'inner' | 'outer' | 'issuer' | 'validity' | 'extensions' | 'key' | 'more',
        Uint8Array
      >
    >,
  ): Uint8Array => {
    const name = derSequence(derSet(derSequence(derOid('2.5.4.3'), derUtf8String('x'))));
    const algorithm = pssIdentifier(false);
    const body = derSequence(
      parts.version ?? derExplicit(0, derInteger(2)),
      parts.serial ?? derInteger(1),
      parts.inner ?? algorithm,
      parts.issuer ?? name,
      parts.validity ?? derSequence(derTime(at), derTime(at)),
      name,
      parts.key ?? ec.publicKey,
      ...(parts.extensions === undefined ? [] : [derExplicit(3, parts.extensions)]),
      ...(parts.more === undefined ? [] : [parts.more]),
    );
    return derSequence(body, parts.outer ?? algorithm, derBitString(new Uint8Array(256)));
  };
  const extension = (...parts: Uint8Array[]): Uint8Array => derSequence(derOid('2.5.29.19'), ...parts);

  test('is refused', () => {
    assert.equal(readCertificate(assemble({})).serial, 1n);
    const malformed: readonly [string, Parameters<typeof assemble>[0], RegExp][] = [
      ['x509/malformed', { version: new Uint8Array() }, /not of version 3/],
      ['x509/malformed', { version: derExplicit(0, derInteger(1)) }, /not of version 3/],
      ['x509/malformed', { serial: derElement(tags.integer, Uint8Array.of(0xff)) }, /serial number/],
      ['x509/malformed', { serial: derInteger(1n << 160n) }, /serial number/],
      ['x509/malformed', { outer: pssIdentifier(true) }, /two different signature algorithms/],
      [
        'x509/malformed',
        { extensions: derSequence(extension(derOctetString()), extension(derOctetString())) },
        /2\.5\.29\.19 twice/,
      ],
      [
        'x509/malformed',
        { extensions: derSequence(extension(derBoolean(false), derOctetString())) },
        /critical FALSE/,
      ],
      [
        'x509/malformed',
        { extensions: derSequence(extension(derOctetString(derSequence(derBoolean(false))))) },
        /cA FALSE/,
      ],
      [
        'der/malformed',
        {
          extensions: derSequence(extension(derOctetString(derSequence(derBoolean(true), derInteger(256))))),
        },
        /the integer 256/,
      ],
      [
        'der/malformed',
        {
          extensions: derSequence(
            extension(derOctetString(derSequence(derBoolean(true), derInteger(0), derNull()))),
          ),
        },
        /2 more bytes/,
      ],
      ['der/malformed', { extensions: derSequence(extension(derOctetString(), derNull())) }, /2 more bytes/],
      ['der/malformed', { extensions: derSequence() }, /the end of the data/],
      ['der/malformed', { more: derNull() }, /1 more bytes|2 more bytes/],
      ['der/malformed', { validity: derSequence(derTime(at), derTime(at), derNull()) }, /2 more bytes/],
      ['der/malformed', { key: derSequence(readDer(ec.publicKey).content, derNull()) }, /2 more bytes/],
      ['der/malformed', { issuer: derSequence(derSet()) }, /the end of the data/],
      [
        'der/malformed',
        { issuer: derSequence(derSet(derSequence(derOid('2.5.4.3'), derUtf8String('x'), derNull()))) },
        /2 more bytes/,
      ],
      [
        'x509/malformed',
        {
          issuer: derSequence(
            ...['a', 'b'].map((value) => derSet(derSequence(derOid('2.5.4.3'), derUtf8String(value)))),
          ),
        },
        /several common names/,
      ],
      [
        'x509/unsupported',
        {
          inner: derSequence(derOid('1.2.840.113549.1.1.11'), derNull()),
          outer: derSequence(derOid('1.2.840.113549.1.1.11'), derNull()),
        },
        /1\.2\.840\.113549\.1\.1\.11/,
      ],
      [
        'x509/unsupported',
        { key: derSequence(derSequence(derOid('1.3.101.112')), derBitString(new Uint8Array(32))) },
        /a key 1\.3\.101\.112/,
      ],
    ];
    for (const [code, parts, found] of malformed)
      assert.throws(() => readCertificate(assemble(parts)), refused(code, found));
    assert.throws(
      () => readCertificate(new Uint8Array(16_385)),
      refused('x509/malformed', /16385 bytes; expected at most 16384/),
    );
    assert.throws(() => readCertificate(new Uint8Array(16_384)), refused('der/malformed', /expected/));
    const longer = derSequence(readDer(assemble({}), tags.sequence).content, derNull());
    assert.throws(() => readCertificate(longer), refused('der/malformed', /2 more bytes/));
    // A subject may have several attributes in one set, and none may be the common name.
    const odd = derSequence(
      derSet(
        derSequence(derOid('2.5.4.6'), derUtf8String('US')),
        derSequence(derOid('2.5.4.7'), derUtf8String('X')),
      ),
    );
    assert.equal(readCertificate(assemble({ issuer: odd })).issuer.commonName, '');
  });

  test('in the parameters of RSASSA-PSS is refused: other hash, other mask, other salt, other trailer', () => {
    const good = Buffer.from(pssIdentifier(true)).toString('hex');
    for (const [what, changed] of [
      ['SHA-256', good.replaceAll('0403020', '0402010').replaceAll('040202', '040201')],
      ['salt 32', good.replace('a203020130', 'a203020120')],
      ['trailer 2', good.replace('a303020101', 'a303020102')],
      ['hash SHA-512', good.replace('0304020205', '0304020305')],
    ] as const) {
      assert.notEqual(changed, good, what);
      const identifier = Uint8Array.from(Buffer.from(changed, 'hex'));
      assert.throws(
        () => readCertificate(assemble({ inner: identifier, outer: identifier })),
        refused('x509/unsupported', /1\.2\.840\.113549\.1\.1\.10/),
        what,
      );
    }
  });

  test('of keys is refused: sizes and exponents that make checking costly or weak, compressed points', () => {
    const rsaKey = (modulus: bigint, exponent: number, ...more: Uint8Array[]): Uint8Array =>
      derSequence(
        derSequence(derOid('1.2.840.113549.1.1.1'), derNull()),
        derBitString(derSequence(derInteger(modulus), derInteger(exponent), ...more)),
      );
    assert.throws(
      () => keyKindOf(rsaKey((1n << 4095n) + 1n, 65_537, derNull())),
      refused('der/malformed', /2 more bytes/),
    );
    assert.equal(keyKindOf(rsaKey((1n << 4095n) + 1n, 65_537)), 'rsa');
    for (const key of [
      rsaKey((1n << 1023n) + 1n, 65_537),
      rsaKey((1n << 4096n) + 1n, 65_537),
      rsaKey((1n << 2047n) + 1n, 3),
    ])
      assert.throws(() => keyKindOf(key), refused('x509/unsupported', /an RSA key of/));
    const { content } = readDer(ec.publicKey);
    const identifier = content.subarray(0, content.length - 100);
    for (const point of [
      new Uint8Array(97).fill(2, 0, 1),
      new Uint8Array(49).fill(2),
      new Uint8Array(65).fill(4),
    ])
      assert.throws(
        () => keyKindOf(derSequence(identifier, derBitString(point))),
        refused('x509/unsupported', /not uncompressed/),
      );
  });

  test('of a name is compared whole, not by its common name', () => {
    assert.notDeepEqual(amdName('a'), amdName('b'));
  });
});
