// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { readPlatform, sgxExtensionOid, type Platform } from '../../src/intel/pck.ts';
import {
  derBoolean,
  derElement,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
} from '../../src/der/index.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { certify, createAuthority, pckExtension, uses } from '../../../simulator/src/intel/index.ts';
import { randomPlatform } from '../../../simulator/src/intel/chip.ts';
import { at, from, keys } from './fake-intel.ts';

const fields = randomPlatform();
const value = (suffix: string, content: Uint8Array): Uint8Array =>
  derSequence(derOid(`${sgxExtensionOid}.${suffix}`), content);

async function read(extension: Uint8Array | undefined, issuer = keys.authority): Promise<Platform> {
  const extensions = extension === undefined ? [] : [{ oid: sgxExtensionOid, value: extension }];
  const validity = { notBefore: from, notAfter: at };
  return readPlatform(
    readCertificate(await certify(keys.pck, issuer, validity, [...uses.signing(), ...extensions])),
  );
}

/** The members of the extension, one replaced or left out. */
function extension(over: Readonly<Record<string, Uint8Array | undefined>> = {}): Uint8Array {
  const tcb = {
    ...Object.fromEntries(fields.components.map((svn, index) => [`2.${String(index + 1)}`, derInteger(svn)])),
    '2.17': derInteger(fields.pceSvn),
    '2.18': derOctetString(new Uint8Array(16)),
  };
  const inner = (members: Readonly<Record<string, Uint8Array | undefined>>): Uint8Array[] =>
    Object.entries({
      ...members,
      ...Object.fromEntries(Object.entries(over).filter(([name]) => name in members)),
    }).flatMap(([name, content]) => (content === undefined ? [] : [value(name, content)]));
  return derSequence(
    ...inner({
      '1': derOctetString(fields.ppid),
      '2': derSequence(...inner(tcb)),
      '3': derOctetString(fields.pceId),
      '4': derOctetString(fields.fmspc),
      '5': derElement(0x0a, Uint8Array.of(0)),
    }),
  );
}

describe('a PCK certificate', () => {
  test('says what platform it is for', async () => {
    assert.deepEqual(await read(pckExtension(fields).value), {
      ...Object.fromEntries(
        (
          [
            'ppid',
            'pceId',
            'fmspc',
            'components',
            'pceSvn',
            'instanceId',
            'dynamicPlatform',
            'cachedKeys',
            'smtEnabled',
          ] as const
        ).map((name) => [name, fields[name]]),
      ),
      cpuSvn: Uint8Array.from(fields.components),
      memory: 'scalable',
      authority: 'platform',
    });
  });

  test('of the Processor CA says nothing of the machine', async () => {
    const processor = await createAuthority('Intel SGX PCK Processor CA');
    const platform = await read(extension(), processor);
    assert.equal(platform.authority, 'processor');
    assert.equal(platform.memory, 'standard');
    assert.deepEqual(
      [platform.instanceId, platform.dynamicPlatform, platform.cachedKeys, platform.smtEnabled],
      [undefined, undefined, undefined, undefined],
    );
  });

  test('that lacks something, or has it in another form, is refused', async () => {
    const malformed = (bad: Uint8Array | undefined, message: RegExp): Promise<void> =>
      assert.rejects(read(bad), { name: 'EnarxError', kind: 'malformed', message });
    await malformed(undefined, /no SGX extension/);
    for (const [over, reason] of [
      [{ '1': undefined }, /no value 1/],
      [{ '1': derInteger(1) }, /no value 1/],
      [{ '1': derOctetString(new Uint8Array(15)) }, /value 1 of 15 bytes/],
      [{ '2': derOctetString() }, /no value 2/],
      [{ '2.3': undefined }, /no value 3/],
      [{ '2.3': derInteger(256) }, /the integer 256/],
      [{ '2.17': derInteger(65_536) }, /the integer 65536/],
      [{ '2.18': derOctetString() }, /value 18 of 0 bytes/],
      [{ '3': derOctetString() }, /value 3 of 0 bytes/],
      [{ '4': derOctetString() }, /value 4 of 0 bytes/],
      [{ '5': derInteger(0) }, /no value 5/],
      [{ '5': derElement(0x0a, Uint8Array.of(3)) }, /an unknown SGX type/],
      [{ '5': derElement(0x0a, Uint8Array.of(0, 0)) }, /an unknown SGX type/],
    ] as const)
      await malformed(extension(over), reason);
    const more = (...members: readonly Uint8Array[]): Uint8Array => {
      const known = extension();
      const header = known.length < 0x80 ? 2 : known.length < 0x100 ? 3 : 4;
      return derSequence(known.subarray(header), ...members);
    };
    await malformed(more(value('3', derOctetString())), /13\.1\.3 twice/);
    await malformed(more(derSequence(derOid('1.2.3'), derInteger(1))), /1\.2\.3 among the values/);
    await malformed(more(value('6', derInteger(1))), /no value 6/);
    await malformed(more(value('7', derInteger(1))), /no value 7/);
    await malformed(more(value('7', derSequence(value('7.1', derInteger(1))))), /no value 1/);
    // What is not known is for somebody else.
    assert.ok(await read(more(value('9', derBoolean(true)))));
  });

  test('of an issuer that issues none is refused', async () => {
    await assert.rejects(read(extension(), keys.root), {
      message: /the issuer Intel SGX Root CA, which issues no PCK/,
    });
  });
});
