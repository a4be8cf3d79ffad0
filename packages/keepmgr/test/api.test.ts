// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import {
  cborContentType,
  createKeep,
  decodeMessage,
  encodeMessage,
  managerInfo,
  platform,
  formatKeepId,
} from '@enarx/protocol';

import { parseListen } from '../src/api/listen.ts';
import { path } from './support/client.ts';
import { eventually, processesOf, startHost, type Host } from './support/host.ts';
import { open, raw } from './support/raw.ts';

let host: Host;
before(async () => {
  host = await startHost({
    limits: { bodyTime: 400, headersTime: 400, channelsPerKeep: 2, channelIdle: 60_000 },
  });
});
after(() => host[Symbol.asyncDispose]());

const cbor = { 'content-type': cborContentType };
const body = encodeMessage(createKeep, { tee: 'sim' });
const somebody = 'ab'.repeat(16);

test('the daemon says which protocol and release it is, and what it can make', async () => {
  const info = await host.client.ask('GET', '/v1/');
  assert.equal(info.type, cborContentType);
  const { protocol, release, tees } = decodeMessage(managerInfo, info.body);
  assert.deepEqual([protocol, release], [1, 'test']);
  assert.ok(tees.includes('sim'));
  const { backends } = decodeMessage(platform, (await host.client.ask('GET', '/v1/platform')).body);
  for (const { tee, usable, probes } of backends) {
    assert.equal(
      usable,
      probes.every(({ pass }) => pass),
      tee,
    );
    for (const probe of probes.filter(({ pass }) => !pass))
      assert.ok((probe.remedy ?? '').length > 0, probe.id);
  }
});

test('only the one spelling of a path leads anywhere', async () => {
  for (const wrong of [
    '/',
    '/v1',
    '//v1/',
    '/v1//keeps',
    '/v1/keeps/',
    '/v1/keeps?',
    '/v1/?all=1',
    `/v1/keeps/${somebody}?x=1`,
    '/v1/./keeps',
    '/v1/../v1/keeps',
    '/v1/%6beeps',
    '/v2/keeps',
    '/V1/keeps',
    'http://localhost/v1/keeps',
    `/v1/keeps/${somebody.toUpperCase()}`,
    `/v1/keeps/${somebody}/`,
    `/v1/keeps/${somebody}%00`,
    `/v1/keeps/${somebody.slice(2)}`,
    `/v1/keeps/..%2f..%2fetc`,
    '/v1/keeps/../../../etc/passwd',
    `/v1/keeps/${somebody}/constructor`,
    `/v1/keeps/${somebody}/log/more`,
    '/v1/keeps/__proto__',
    '/v1/keeps/ID',
    '/__proto__',
    '/constructor',
  ]) {
    const { code } = await host.client.problem('GET', wrong);
    assert.equal(code, 'api/path-unknown', wrong);
  }
});

test('parameters are taken in one spelling and order only', async () => {
  for (const query of [
    'all=1',
    'state=dead',
    'state=',
    'state',
    'state=ready&state=ready',
    'tee=sim&state=ready',
    'limit=0',
    'limit=01',
    'limit=16385',
    'limit=1e3',
    'limit=-1',
    'after=zz',
    'state=ready&',
    '&state=ready',
    'state=re%61dy',
    'state=ready=',
    '__proto__=1',
  ]) {
    assert.equal((await host.client.problem('GET', `/v1/keeps?${query}`)).code, 'api/query-malformed', query);
  }
  for (const query of ['after=1', 'after=0123456789abcdef-', 'after=0123456789abcdef-1-2', 'limit=1'])
    assert.equal(
      (await host.client.problem('GET', `/v1/changes?${query}`)).code,
      'api/query-malformed',
      query,
    );
});

test('an id that no Keep has is unknown to every route', async () => {
  for (const [method, rest] of [
    ['GET', ''],
    ['DELETE', ''],
    ['GET', '/log'],
    ['POST', '/stop'],
  ] as const) {
    const problem = await host.client.problem(method, `/v1/keeps/${somebody}${rest}`);
    assert.equal(problem.code, 'keep/unknown', `${method} ${rest}`);
    assert.equal(problem.status, 404);
  }
  await assert.rejects(host.client.channel(new Uint8Array(16)), { code: 'keep/unknown' });
});

test('a method that a path does not take is refused with those that it takes', async () => {
  for (const [method, where, expected] of [
    ['PUT', '/v1/keeps', 'GET or POST'],
    ['POST', '/v1/', 'GET'],
    ['HEAD', '/v1/', undefined],
    ['DELETE', '/v1/keeps', 'GET or POST'],
    ['GET', `/v1/keeps/${somebody}/stop`, 'POST'],
    ['TRACE', '/v1/', 'GET'],
  ] as const) {
    const answer = await host.client.ask(method, where);
    assert.equal(answer.status, 405, `${method} ${where}`);
    if (expected !== undefined) assert.equal((await host.client.problem(method, where)).expected, expected);
  }
  assert.equal(
    (await host.client.problem('GET', `/v1/keeps/${somebody}/channel`)).code,
    'api/upgrade-required',
  );
});

test('a body is refused where none is expected', async () => {
  for (const headers of [{ 'content-length': '1' }, { 'transfer-encoding': 'chunked' }] as Record<
    string,
    string
  >[]) {
    const { code } = await host.client.problem('GET', '/v1/', { headers, body: Uint8Array.of(0) });
    assert.equal(code, 'api/body-too-large');
  }
});

test('a body that is not deterministic CBOR of the message is refused with what is wrong', async () => {
  const text = (value: string): number[] => [0x60 + value.length, ...Buffer.from(value)];
  const depthBomb = new Uint8Array(1000).fill(0x81);
  const cases: [string, Uint8Array, RegExp][] = [
    ['nothing', new Uint8Array(0), /^cbor\//],
    ['JSON', Buffer.from('{"tee":"sim"}'), /^cbor\//],
    ['a byte behind it', Buffer.concat([body, Uint8Array.of(0)]), /^cbor\//],
    ['its first half', body.subarray(0, 4), /^cbor\//],
    [
      'a key twice',
      Uint8Array.of(0xa2, ...text('tee'), ...text('sim'), ...text('tee'), ...text('snp')),
      /^cbor\//,
    ],
    ['an indefinite map', Uint8Array.of(0xbf, ...text('tee'), ...text('sim'), 0xff), /^cbor\//],
    ['an array in an array in an array …', depthBomb, /^cbor\//],
    ['a text of 2^40 bytes', Uint8Array.of(0xa1, 0x7b, 0, 0, 1, 0, 0, 0, 0, 0), /^cbor\//],
    ['a length in more bytes than needed', Uint8Array.of(0xb8, 1, ...text('tee'), ...text('sim')), /^cbor\//],
    ['a tag', Uint8Array.of(0xc0, ...body), /^cbor\//],
    ['text that is no UTF-8', Uint8Array.of(0xa1, ...text('tee'), 0x63, 0xff, 0xfe, 0xfd), /^cbor\//],
    ['no member', Uint8Array.of(0xa0), /^message\/invalid$/],
    ['a kind that there is not', Uint8Array.of(0xa1, ...text('tee'), ...text('xyz')), /^message\/invalid$/],
    ['a number for a kind', Uint8Array.of(0xa1, ...text('tee'), 1), /^message\/invalid$/],
    [
      'a path',
      Uint8Array.of(0xa2, ...text('tee'), ...text('sim'), ...text('path'), ...text('/etc')),
      /^message\/invalid$/,
    ],
    [
      '__proto__',
      Uint8Array.of(0xa2, ...text('tee'), ...text('sim'), ...text('__proto__'), 0xa0),
      /^message\/invalid$/,
    ],
  ];
  for (const [name, wrong, code] of cases) {
    const problem = await host.client.problem('POST', '/v1/keeps', { headers: cbor, body: wrong });
    assert.match(problem.code, code, name);
    assert.equal(problem.kind, 'malformed', name);
  }
  assert.deepEqual(await host.client.list(), []);
});

test('a body of another type or with a content encoding is refused', async () => {
  for (const headers of [
    {},
    { 'content-type': 'application/json' },
    { 'content-type': 'application/cbor; charset=utf-8' },
    { ...cbor, 'content-encoding': 'gzip' },
  ] as Record<string, string>[]) {
    const { code, status } = await host.client.problem('POST', '/v1/keeps', { headers, body });
    assert.deepEqual([code, status], ['api/body-type', 415]);
  }
});

test('a body that is too large is refused before it is read, announced or not', async () => {
  const head = 'POST /v1/keeps HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cbor\r\n';
  const announced = await raw(host.client.port, `${head}content-length: 1099511627776\r\n\r\n`);
  assert.deepEqual([announced.status, announced.code], [413, 'api/body-too-large']);
  const chunk = `${(1 << 16).toString(16)}\r\n${'x'.repeat(1 << 16)}\r\n`;
  const chunked = await raw(host.client.port, `${head}transfer-encoding: chunked\r\n\r\n${chunk.repeat(4)}`);
  assert.deepEqual([chunked.status, chunked.code], [413, 'api/body-too-large']);
});

test('a client that is slow with its head or its body is cut off with a reason', async () => {
  const began = performance.now();
  const head = 'POST /v1/keeps HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cbor\r\n';
  const [slowBody, slowHead] = await Promise.all([
    raw(host.client.port, `${head}content-length: 9\r\n\r\nx`),
    raw(host.client.port, `${head}x-slow: `),
  ]);
  assert.deepEqual([slowBody.status, slowBody.code], [408, 'api/body-too-slow']);
  assert.equal(slowHead.code, 'api/request-malformed');
  assert.ok(performance.now() - began < 4000);
});

test('requests whose end two readers would see in different places are refused, and nothing behind them is served', async () => {
  const hidden = `DELETE /v1/keeps/${somebody} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
  const line = 'POST /v1/keeps HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cbor\r\n';
  const cases: Readonly<Record<string, string>> = {
    'two lengths': `${line}content-length: 0\r\ncontent-length: 9\r\n\r\n`,
    'a length and chunks': `${line}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    'a negative length': `${line}content-length: -1\r\n\r\n`,
    'a length with a sign': `${line}content-length: +0\r\n\r\n`,
    'a length in hexadecimal': `${line}content-length: 0x0\r\n\r\n`,
    'an unknown transfer coding': `${line}transfer-encoding: xchunked\r\n\r\n`,
    'chunked not last': `${line}transfer-encoding: chunked, identity\r\n\r\n`,
    'a space before the colon': `${line}content-length : 0\r\n\r\n`,
    'a folded header': `${line}x-a: b\r\n c: d\r\n\r\n`,
    'a bare carriage return': `${line}x-a: b\rcontent-length: 0\r\n\r\n`,
    'a NUL in a header': `${line}x-a: \0\r\n\r\n`,
    'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'a head of 64 KiB': `${line}x-a: ${'y'.repeat(65_536)}\r\n\r\n`,
    TLS: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  };
  for (const [name, request] of Object.entries(cases)) {
    const { status, code, bytes } = await raw(host.client.port, request + hidden);
    assert.ok([400, 403, 413, 431, 501].includes(status), `${name}: ${String(status)}`);
    assert.ok(code === undefined || /^(api|cbor)\//.test(code), `${name}: ${String(code)}`);
    assert.equal(bytes.toString('latin1').split(/HTTP\/1\.1 \d{3} /).length, 2, `${name}: one answer only`);
  }
});

test('a request that names another host, none or two is refused: a name that was made to point here', async () => {
  for (const named of [
    'evil.example',
    'evil.example:3030',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[::2]',
    '10.0.0.1',
    'localhost:99999999',
  ]) {
    const { code } = await host.client.problem('GET', '/v1/', { headers: { host: named } });
    assert.equal(code, 'api/host-refused', named);
  }
  const none = await raw(host.client.port, 'GET /v1/ HTTP/1.1\r\nconnection: close\r\n\r\n');
  assert.equal(none.status, 400);
  const old = await raw(host.client.port, 'GET /v1/ HTTP/1.0\r\n\r\n');
  assert.equal(old.code, 'api/host-refused');
  for (const named of ['localhost', 'LOCALHOST:1', '127.0.0.1:3030', '127.9.9.9', '[::1]:3030'])
    assert.equal((await host.client.ask('GET', '/v1/', { headers: { host: named } })).status, 200, named);
});

test('what a web page can have a browser send is refused', async () => {
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ] as Record<string, string>[]) {
    const { code, status } = await host.client.problem('POST', '/v1/keeps', {
      headers: { ...cbor, ...headers },
      body,
    });
    assert.deepEqual([code, status], ['api/cross-site', 403]);
  }
  assert.equal((await host.client.ask('GET', '/v1/', { headers: { 'sec-fetch-site': 'none' } })).status, 200);
});

test('an upgrade is refused, in words, for another path, method, token or with a body', async () => {
  const ask = (line: string, more = ''): Promise<{ code: string | undefined }> =>
    raw(
      host.client.port,
      `${line} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: enarx-channel/1\r\n${more}\r\n`,
    );
  assert.equal((await ask('GET /v1/keeps')).code, 'api/path-unknown');
  assert.equal((await ask(`POST /v1/keeps/${somebody}/channel`)).code, 'api/method-unknown');
  assert.equal(
    (await ask(`GET /v1/keeps/${somebody}/channel`, 'content-length: 3\r\n')).code,
    'api/body-too-large',
  );
  assert.equal((await ask(`GET /v1/keeps/${somebody}/channel`, 'origin: x\r\n')).code, 'api/cross-site');
  assert.equal((await ask(`GET /v1/keeps/${somebody}/channel`)).code, 'keep/unknown');
  const other = await raw(
    host.client.port,
    `GET /v1/keeps/${somebody}/channel HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n`,
  );
  assert.equal(other.code, 'api/upgrade-required');
});

test('a Keep is removed when the channel has closed whose client left that to the host, also when the client was cut off', async () => {
  for (const close of ['end', 'destroy'] as const) {
    const { id } = await host.client.create();
    const socket = await host.client.channel(id, '?then=remove');
    assert.equal((await host.client.show(id)).state, 'ready');
    socket.write('echo\n');
    socket.resume()[close]();
    await eventually('the Keep is unknown', async () => !(await knows(id)));
    await eventually(
      'no process is left',
      () => processesOf(join(host.state, 'keeps', formatKeepId(id))).length === 0,
    );
  }
  const { id } = await host.client.create();
  for (const query of ['?then=stop', '?then=remove&then=remove', '?'])
    await assert.rejects(host.client.channel(id, query), { code: 'api/path-unknown' });
  const socket = await host.client.channel(id);
  socket.destroy();
  await host.client.remove(id);
});

async function knows(id: Uint8Array): Promise<boolean> {
  return (await host.client.list()).some((keep) => formatKeepId(keep.id) === formatKeepId(id));
}

test('bytes cross a channel unchanged, both ways and half-open, and a Keep takes only so many channels', async () => {
  const { id } = await host.client.create();
  const sent = Buffer.alloc(1 << 20, 'enarx');
  const socket = await host.client.channel(id);
  socket.write('echo\n');
  socket.end(sent);
  const chunks: Uint8Array[] = [];
  for await (const chunk of socket) chunks.push(chunk as Uint8Array);
  assert.ok(Buffer.concat(chunks).equals(sent));

  socket.destroy();

  let one: Socket | undefined;
  await eventually('the first is no more', async () => {
    one = await host.client.channel(id).catch(() => undefined);
    return one !== undefined;
  });
  const two = await host.client.channel(id);
  await assert.rejects(host.client.channel(id), { code: 'keep/channels-full' });
  // The guest ends a connection that its client has ended.
  one?.end('echo\n');
  one?.resume();
  let three: Socket | undefined;
  await eventually('there is room again', async () => {
    three = await host.client.channel(id).catch(() => undefined);
    return three !== undefined;
  });
  for (const channel of [two, three]) channel?.destroy();
  await host.client.remove(id);
});

test('what a client sends never makes a line in the log of the daemon', async () => {
  const before = host.events.length;
  await raw(host.client.port, 'GET /\x0a{"event":"forged"} HTTP/1.1\r\n\r\n');
  await host.client.problem('GET', '/v1/keeps/%0a%7b%22event%22');
  for (const line of host.events.slice(before)) {
    assert.equal(line.indexOf('\n'), line.length - 1);
    assert.notEqual((JSON.parse(line) as { event: string }).event, 'forged');
  }
});

test('a daemon with as many connections at work as it takes serves those that it has', async () => {
  await using small = await startHost({ limits: { connections: 3, headersTime: 2000 } });
  const { cursor } = await small.client.changes();
  const held: Socket[] = [];
  for (let i = 0; i < 3; i += 1) {
    const socket = await open(small.client.port);
    socket.write(`GET /v1/changes?after=${cursor} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    held.push(socket);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await assert.rejects(small.client.ask('GET', '/v1/'));
  for (const socket of held) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal((await small.client.ask('GET', '/v1/')).status, 200);
  assert.ok(small.events.some((line) => line.includes('connection-dropped')));
});

test('more Keeps than the host takes, or faster than it takes them, are refused', async () => {
  await using small = await startHost({ limits: { keeps: 2, createBurst: 3, createsPerSecond: 0.001 } });
  const [one] = await Promise.all([small.client.create(), small.client.create()]);
  await assert.rejects(small.client.create(), { code: 'keepmgr/full', status: 503 });
  await small.client.stop(one.id);
  await small.client.stop((await small.client.create()).id);
  await assert.rejects(small.client.create(), { code: 'keepmgr/too-fast', status: 429 });
});

test('a Unix socket is for the same user only, and serves the same', async () => {
  const where = join(host.state, 'api.sock');
  await using local = await startHost({ listen: `unix:${where}` });
  assert.equal(local.keepmgr.address, `unix:${where}`);
  assert.equal(statSync(where).mode & 0o777, 0o600);
  const keep = await local.client.create();
  assert.equal((await local.client.reaches(keep.id, 'ready', 'failed')).state, 'ready');
  const socket = await local.client.channel(keep.id);
  socket.write('pid\n');
  await once(socket, 'data');
  socket.destroy();
  await assert.rejects(
    startHost({ listen: `unix:${where}` }),
    { code: 'keepmgr/listen-failed' },
    'it is in use',
  );
});

test('the location of a new Keep is its path, and the answer may not be kept', async () => {
  for (const { id } of await host.client.list()) await host.client.remove(id);
  const { status, bytes } = await raw(
    host.client.port,
    Buffer.concat([
      Buffer.from('POST /v1/keeps HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n'),
      Buffer.from(`content-type: application/cbor\r\ncontent-length: ${String(body.length)}\r\n\r\n`),
      body,
    ]),
  );
  assert.equal(status, 201);
  const [keep] = await host.client.list();
  assert.ok(keep !== undefined);
  assert.match(bytes.toString('latin1'), new RegExp(`location: ${path(keep.id)}\r\n`));
  assert.match(bytes.toString('latin1'), /cache-control: no-store\r\n/);
  await host.client.remove(keep.id);
});

test('places that others can reach are no places to listen without authentication', () => {
  for (const place of [
    'http://0.0.0.0:3030',
    'http://[::]:3030',
    'http://10.0.0.1:3030',
    'http://example.com',
    'http://127.0.0.1:3030/path',
    'http://user@127.0.0.1:3030',
    'http://127.0.0.1:3030/?x',
    'http://127.0.0.1.example.com',
    'unix:',
    `unix:/${'x'.repeat(120)}`,
    'ftp://127.0.0.1',
    '127.0.0.1:3030',
    '',
  ]) {
    assert.throws(() => parseListen(place), { code: 'keepmgr/listen-refused' }, place);
  }
  assert.deepEqual(parseListen('http://[::1]:5'), { host: '::1', port: 5, tls: false });
  assert.deepEqual(parseListen('http://localhost:5'), { host: '127.0.0.1', port: 5, tls: false });
});
