// SPDX-License-Identifier: Apache-2.0
//
// docs/protocol.md says what the code does: its examples decode to what stands beside them, its tables are those of the code.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';

import {
  decodeMessage,
  decodeProblem,
  encodeMessage,
  exporterLabel,
  FrameReader,
  fromHex,
  guestFrame,
  launchFrame,
  managerFrame,
  maxProblemBytes,
  messageTypes,
  portFrame,
  protocolVersion,
  reportData,
  toHex,
  workloadFrame,
} from '@enarx/protocol';

import { brokenRule, enarxRules } from '../../../test/support/cddl/enarx.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const document = readFileSync(join(root, 'docs', 'protocol.md'), 'utf8');

/** Blocks of hexadecimal by what is written behind `hex`; what follows a `#` is for people. */
const blocks = new Map(
  [...document.matchAll(/^```hex (.+)\n([^]*?)^```$/gm)].map(([, name = '', text = '']) => {
    const bytes = fromHex(text.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, ''));
    assert.ok(bytes, `${name} is not hexadecimal`);
    return [name, bytes] as const;
  }),
);

function block(name: string): Uint8Array<ArrayBuffer> {
  const bytes = blocks.get(name);
  assert.ok(bytes, `no block ${name}`);
  return bytes;
}

/** Rows of the tables whose head begins with these cells. */
function rowsUnder(...head: string[]): string[][] {
  const rows: string[][] = [];
  let inside = false;
  for (const line of document.split('\n')) {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (cells.length === 0) inside = false;
    else if (head.every((name, index) => cells[index] === name)) inside = true;
    else if (inside && !/^-+$/.test(cells[0] ?? '')) rows.push(cells);
  }
  return rows;
}

const plain = (cell = ''): string => cell.replaceAll('`', '');

suite('the worked example of docs/protocol.md', () => {
  const id = fromHex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff') as Uint8Array;
  const nonce = Uint8Array.from({ length: 32 }, (_, index) => index);
  const module = fromHex('0061736d01000000') as Uint8Array;
  const digest = new Uint8Array(createHash('sha256').update(module).digest());

  const messages: Readonly<Record<string, unknown>> = {
    'create-keep': { tee: 'sim' },
    keep: { id, tee: 'sim', state: 'launching', created: Date.UTC(2026, 5, 1) },
    'attest-request': { nonce, purpose: 'deliver' },
  };
  for (const [rule, value] of Object.entries(messages)) {
    test(`the ${rule} is what stands beside it`, () => {
      const type = messageTypes.find(({ name }) => name === rule);
      assert.ok(type);
      assert.equal(toHex(block(rule)), toHex(encodeMessage(type, value)));
      assert.equal(brokenRule(rule, block(rule)), undefined);
    });
  }

  const frames: Readonly<Record<string, unknown>> = {
    deliver: { size: 8, digest, args: ['hello'], env: [['A', 'b']], limits: { wall: 60_000 }, detach: false },
    module,
    accepted: { digest },
    credit: 65_536,
    stdinEnd: new Uint8Array(0),
    stdout: new TextEncoder().encode('hi'),
    ended: { how: 'exit', code: 3 },
  };
  for (const [name, value] of Object.entries(frames)) {
    test(`the frame ${name} is what stands beside it`, () => {
      const reader = new FrameReader();
      const [frame, ...more] = reader.push(block(`frame ${name}`));
      reader.end();
      assert.equal(more.length, 0);
      assert.equal(frame?.kind, workloadFrame[name as keyof typeof workloadFrame]);
      const type = messageTypes.find((candidate) => candidate.name === name);
      const expected = type === undefined ? (value as Uint8Array) : encodeMessage(type, value);
      assert.equal(toHex(frame.payload), toHex(expected));
      if (type !== undefined) decodeMessage(type, frame.payload);
    });
  }

  test('the binding hashes to the report data, and both are what the code makes', async () => {
    const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
    const ends = { keepKey: fill(0x11), clientKey: fill(0x22), exporter: fill(0x33) };
    assert.equal(brokenRule('binding', block('binding')), undefined);
    assert.equal(createHash('sha512').update(block('binding')).digest('hex'), toHex(block('report-data')));
    assert.equal(
      toHex(await reportData({ ...ends, nonce, keepId: id, purpose: 'deliver' })),
      toHex(block('report-data')),
    );
  });

  test('the problem is the one that is described', () => {
    const { code, kind, status, title, mend } = decodeProblem(block('problem'));
    assert.deepEqual(
      [code, kind, status, title, mend],
      ['keep/unknown', 'usage', 404, 'There is no such Keep on this host', 'List them.'],
    );
    assert.equal(brokenRule('problem', block('problem')), undefined);
  });

  test('no block is left unread', () => {
    const read = [
      ...Object.keys(messages),
      ...Object.keys(frames).map((name) => `frame ${name}`),
      'binding',
      'report-data',
      'problem',
    ];
    assert.deepEqual([...blocks.keys()].sort(), read.sort());
  });
});

suite('the tables of docs/protocol.md', () => {
  test('every message stands there with its largest size', () => {
    const sizes = Object.fromEntries([
      ...messageTypes.map(({ name, maxBytes }) => [name, maxBytes]),
      ['problem', maxProblemBytes],
    ]) as Record<string, number>;
    const rows = rowsUnder('message', 'at most bytes').map(([name, most]) => [plain(name), Number(most)]);
    assert.deepEqual(Object.fromEntries(rows), sizes);
  });

  test('every kind of frame stands there, with its number and the rule of its payload', () => {
    const rows = rowsUnder('kind', 'frame');
    const kinds = [workloadFrame, managerFrame, guestFrame, portFrame, launchFrame].flatMap((stream) =>
      Object.entries(stream),
    );
    assert.deepEqual(
      rows.map(([kind, name]) => [plain(name), Number(kind)]).sort(),
      kinds.map(([name, kind]) => [name, kind]).sort(),
    );
    for (const row of rows) {
      const rule = /^`([a-z-]+)`/.exec(row.at(-1) ?? '')?.[1];
      if (rule !== undefined) assert.ok(enarxRules.has(rule), rule);
    }
  });

  test('the paths are those that keepmgr and the channel serve', () => {
    const rows = rowsUnder('request', 'body').map(([request]) => plain(request));
    const sourceOf = (path: string): string => readFileSync(join(root, 'packages', path), 'utf8');
    const manager = [
      ...sourceOf('keepmgr/src/api/routes.ts').matchAll(/^ {2}'(\/v1\/.*)': \{ (.*) \},$/gm),
    ].flatMap(([, path = '', methods = '']) =>
      [...methods.matchAll(/([A-Z]+):/g)].map(([, method]) => `${method as string} ${path}`),
    );
    const channel = [
      ...sourceOf('channel/src/server/serve-channel.ts').matchAll(/'(\/v1\/[a-z]+)'[,\]]/g),
    ].map(([, path]) => `POST ${path as string}`);
    assert.ok(manager.length > 5 && channel.length > 3);
    assert.deepEqual(rows.sort(), [...new Set([...manager, ...channel])].sort());
  });

  test('every code that it names is one of a table of problems, with the status that it gives', async () => {
    const tables = await Promise.all(
      ['protocol', 'channel', 'runtime', 'wasmldr', 'keepldr', 'keepmgr'].map(
        (name) =>
          import(join(root, 'packages', name, 'src', 'problems.ts')) as Promise<Record<string, unknown>>,
      ),
    );
    const known = Object.assign(
      {},
      ...tables.flatMap((table) => Object.values(table)).filter((value) => typeof value === 'object'),
    ) as Record<string, { status: number }>;
    const named = [
      ...document.matchAll(
        /`((?:api|cbor|channel|files|frame|keep|keepldr|keepmgr|message|runner|tee|wasm|wasmldr)\/[a-z-]+)`(?: (\d{3}))?/g,
      ),
    ];
    assert.ok(named.length > 40);
    for (const [, code = '', status] of named) {
      assert.ok(known[code], code);
      if (status !== undefined) assert.equal(known[code].status, Number(status), code);
    }
    const byStatus = [...document.matchAll(/^- (\d{3}): (`.*(?:\n {2}`.*)*)$/gm)];
    assert.ok(byStatus.length > 15);
    for (const [, status, codes = ''] of byStatus)
      for (const code of codes.split(/,\s+/)) assert.equal(known[plain(code)]?.status, Number(status), code);
  });

  test('every problem of keepmgr stands there, but those that only its operator meets', async () => {
    const { keepmgrProblems } = await import('../../keepmgr/src/problems.ts');
    const operators = [
      'keepmgr/state-damaged',
      'keepmgr/state-newer',
      'keepmgr/state-locked',
      'keepmgr/listen-refused',
      'keepmgr/config-invalid',
      'keepmgr/listen-failed',
    ];
    const missing = Object.keys(keepmgrProblems).filter((code) => !document.includes(`\`${code}\``));
    assert.deepEqual(missing, operators);
  });

  test('the bounds are the defaults of the code', async () => {
    const { defaultLimits: limits } = await import('../../keepmgr/src/limits.ts');
    const { defaultChannelTimes } = await import('../../channel/src/server/serve-channel.ts');
    const { defaultKeepTimes } = await import('../../wasmldr/src/keep.ts');
    const seconds = (milliseconds: number): string => `${String(milliseconds / 1000)} s`;
    const bounds = new Map(rowsUnder('what', 'bound').map(([what = '', bound = '']) => [what, bound]));
    const expected: readonly (readonly [what: string, ...parts: string[]])[] = [
      ['headers of a request', seconds(limits.headersTime)],
      ['headers of a request', seconds(limits.bodyTime)],
      ['Keeps that have not ended', `${String(limits.keeps)} on`],
      [
        'creations',
        `${String(limits.createBurst)} at once, then ${String(limits.createsPerSecond)} a second`,
      ],
      ['launch of a Keep', seconds(limits.launchTime)],
      ['upgrade to the channel', seconds(limits.readyWait), seconds(limits.openWait)],
      ['channels of a Keep', `${String(limits.channelsPerKeep)};`, seconds(limits.channelIdle)],
      ['a record of a Keep', 'a day', String(limits.endedKeeps)],
      ['TLS handshake', seconds(defaultChannelTimes.handshake)],
      ['from the handshake to an upgrade', seconds(defaultChannelTimes.requests)],
      ['silence within a delivery', seconds(defaultKeepTimes.deliverySilence)],
    ];
    assert.equal(limits.endedAge, 86_400_000);
    for (const [what, ...parts] of expected) {
      const [, bound] = [...bounds].find(([found]) => found.startsWith(what)) ?? [];
      for (const part of parts) assert.ok(bound?.includes(part), `${what}: ${part}`);
    }
  });

  test('labels and versions are spelt as in the code', () => {
    assert.ok(document.includes(`\`${exporterLabel}\``));
    assert.match(document, new RegExp(`^# The protocol, version ${String(protocolVersion)}$`, 'm'));
  });
});
