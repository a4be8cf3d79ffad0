// SPDX-License-Identifier: Apache-2.0
//
// QEMU at the other end of its control connection, as it is and as a guest that took it over would have it.
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { suite, test } from 'node:test';

import { Qmp, type QmpEvent } from '../../src/backends/vm/qmp.ts';
import { launchMeasurementOf, readCapabilities } from '../../src/backends/vm/sev-qmp.ts';

/** One end for the code, one for the test; lines go both ways. */
class Wire extends Duplex {
  readonly sent: { execute: string; id: number; arguments?: unknown }[] = [];
  answer: (command: { execute: string; id: number; arguments?: unknown }) => unknown = ({ id }) => ({
    return: {},
    id,
  });

  override _read(): void {
    return;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    for (const line of chunk.toString('utf8').split('\n').filter(Boolean)) {
      const command = JSON.parse(line) as { execute: string; id: number };
      this.sent.push(command);
      const answer = this.answer(command);
      if (answer !== undefined) this.say(answer);
    }
    callback();
  }

  say(message: unknown): void {
    this.push(`${JSON.stringify(message)}\r\n`);
  }
}

const greeting = { QMP: { version: { qemu: { major: 7, minor: 2, micro: 0 } }, capabilities: [] } };
const failed = { code: 'keepldr/qemu-failed' };

async function started(events: QmpEvent[] = []): Promise<{ wire: Wire; qmp: Qmp }> {
  const wire = new Wire();
  wire.on('error', () => undefined);
  const qmp = new Qmp(wire, (event) => events.push(event));
  wire.say(greeting);
  await qmp.start();
  return { wire, qmp };
}

suite('QMP', () => {
  test('after the greeting comes qmp_capabilities, then commands with arguments, each with its answer', async () => {
    const { wire, qmp } = await started();
    wire.answer = ({ id, execute }) => ({ return: { answered: execute }, id });
    assert.deepEqual(await qmp.execute('query-status'), { answered: 'query-status' });
    await qmp.execute('device_add', { driver: 'x' });
    assert.deepEqual(
      wire.sent.map(({ execute, arguments: args }) => [execute, args]),
      [
        ['qmp_capabilities', undefined],
        ['query-status', undefined],
        ['device_add', { driver: 'x' }],
      ],
    );
  });

  test('events are told apart from answers, also between a command and its answer', async () => {
    const events: QmpEvent[] = [];
    const { wire, qmp } = await started(events);
    wire.answer = ({ id }) => {
      wire.say({ event: 'SHUTDOWN', data: { guest: true } });
      return { return: 1, id };
    };
    assert.equal(await qmp.execute('stop'), 1);
    assert.deepEqual(events, [{ event: 'SHUTDOWN', data: { guest: true } }]);
  });

  test('an answer of many lines in pieces is put together, and answers to nobody are dropped', async () => {
    const { wire, qmp } = await started();
    wire.answer = () => undefined;
    const asked = qmp.execute('query-version');
    wire.say({ return: 'nobody asked', id: 99 });
    wire.push('{"return": {"a"');
    wire.push(': 5}, "id": 2}\n');
    assert.deepEqual(await asked, { a: 5 });
  });

  test("an error of QEMU's is told with its description, cut", async () => {
    const { wire, qmp } = await started();
    wire.answer = ({ id }) => ({
      error: { class: 'GenericError', desc: `SEV is not enabled${'!'.repeat(9000)}` },
      id,
    });
    await assert.rejects(qmp.execute('query-sev'), (error: Error & { code: string }) => {
      assert.equal(error.code, 'keepldr/qemu-failed');
      assert.match(error.message, /SEV is not enabled/);
      assert.ok(error.message.length < 1500);
      return true;
    });
    wire.answer = ({ id }) => ({ error: 'odd', id });
    await assert.rejects(qmp.execute('query-sev'), failed);
  });

  test('a line without end, a line that is no JSON, and the end of QEMU fail what is waited for and whatever comes', async () => {
    for (const spoil of [
      (wire: Wire) => wire.push('x'.repeat(300_000)),
      (wire: Wire) => wire.push('no json\n'),
      (wire: Wire) => wire.destroy(),
      (wire: Wire) => wire.destroy(new Error('broken')),
    ]) {
      const { wire, qmp } = await started();
      wire.answer = () => undefined;
      const asked = qmp.execute('query-status');
      spoil(wire);
      await assert.rejects(asked, failed);
      await assert.rejects(qmp.execute('query-status'), failed);
    }
  });

  test('what is no object is passed over', async () => {
    const { wire, qmp } = await started();
    wire.push('5\nnull\n"x"\n{}\n');
    assert.deepEqual(await qmp.execute('query-status'), {});
  });
});

const certificate = Buffer.alloc(2084, 1).toString('base64');
const chain = Buffer.alloc(3 * 2084, 2).toString('base64');
const capabilities = {
  pdh: certificate,
  'cert-chain': chain,
  'cpu0-id': '',
  cbitpos: 51,
  'reduced-phys-bits': 1,
};

suite('what QEMU says of SEV', () => {
  test('capabilities are read', () => {
    const read = readCapabilities(capabilities);
    assert.equal(read.pdh.length, 2084);
    assert.equal(read.chain.length, 6252);
    assert.deepEqual([read.cbitpos, read.reducedPhysBits], [51, 1]);
  });

  for (const [what, answer] of [
    ['nothing', null],
    ['a number', 5],
    ['no certificate', { ...capabilities, pdh: undefined }],
    ['a certificate that is cut off', { ...capabilities, pdh: certificate.slice(0, 400) }],
    ['a chain of two', { ...capabilities, 'cert-chain': certificate }],
    ['a position of text', { ...capabilities, cbitpos: '51' }],
    ['a position beyond any address', { ...capabilities, cbitpos: 64 }],
    ['half a bit', { ...capabilities, 'reduced-phys-bits': 0.5 }],
  ] as const)
    test(`capabilities of ${what} are refused`, () => {
      assert.throws(() => readCapabilities(answer), failed);
    });

  test('the measurement comes with the version of the firmware, and odd ones are refused', async () => {
    const asking = (data: unknown, info: unknown) => ({
      execute: (command: string) => Promise.resolve(command === 'query-sev' ? info : { data }),
    });
    const info = {
      enabled: true,
      'api-major': 1,
      'api-minor': 55,
      'build-id': 29,
      policy: 1,
      state: 'launch-secret',
    };
    const measured = Buffer.alloc(48, 3).toString('base64');
    assert.deepEqual(await launchMeasurementOf(asking(measured, info)), {
      measurement: Buffer.alloc(48, 3),
      firmware: { major: 1, minor: 55, build: 29 },
    });
    await assert.rejects(launchMeasurementOf(asking('AAAA', info)), failed);
    await assert.rejects(launchMeasurementOf(asking(measured, { ...info, 'build-id': 285 })), failed);
    await assert.rejects(launchMeasurementOf(asking(measured, 'x')), failed);
  });
});
