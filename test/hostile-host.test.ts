// SPDX-License-Identifier: Apache-2.0
//
// Hosts that lie, between `enarx run` and a genuine keepmgr. Each is found out by the client, and nothing of the program has left it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { after, before, test } from 'node:test';

import {
  createKeep,
  decodeMessage,
  encodeMessage,
  encodeProblem,
  EnarxError,
  formatKeepId,
  keep as keepMessage,
  problemContentType,
  type Evidence,
} from '@enarx/protocol';

import { enarx, errorCode, events, startHost, type Result, type TestHost } from './support/enarx.ts';
import {
  hostileHost,
  join,
  passOn,
  type Answer,
  type Channel,
  type HostileHost,
} from './support/hostile-host.ts';
import { manInTheMiddle } from './support/man-in-the-middle.ts';
import { nothingRunsIn } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { sandbox, type DisposableSandbox } from './support/sandbox.ts';

/** In the program, its arguments, its environment and its input. */
const marker = 'marker-7c1e0a52-only-a-keep-may-read-this';
let box: DisposableSandbox;
let host: TestHost;
let program: string;

before(async () => {
  box = await sandbox();
  host = await startHost(box);
  program = box.path('marked.wasm');
  writeFileSync(program, programs.print(marker));
});
after(async () => {
  await host[Symbol.asyncDispose]();
  await nothingRunsIn(box.root);
  box[Symbol.dispose]();
});

function run(url: string, timeout = 90_000): Promise<Result> {
  return enarx(
    box,
    [
      ...['run', '--json', '--host', url, '--anchor', host.anchor],
      ...['--env', `SECRET=${marker}`, program, '--', marker],
    ],
    { input: marker, timeout },
  );
}

/** Nothing of the program on the wire, in clear or so much ciphertext that it could be in it. */
function assertNothingLeft(between: HostileHost, plaintext = ''): void {
  assert.ok(!between.received().includes(marker));
  assert.ok(!plaintext.includes(marker));
  assert.ok(!plaintext.includes('/v1/workload'), 'not even the question whether it may deliver');
}

async function newKeep(): Promise<string> {
  const response = await fetch(`${host.url}/v1/keeps`, {
    method: 'POST',
    headers: { 'content-type': 'application/cbor' },
    body: encodeMessage(createKeep, { tee: 'sim' }) as BodyInit,
  });
  return formatKeepId(decodeMessage(keepMessage, new Uint8Array(await response.arrayBuffer())).id);
}

function assertRejectedFor(result: Result, ...checks: readonly string[]): void {
  assert.equal(result.status, 240, result.stderr);
  assert.equal(errorCode(result), 'client/rejected');
  const failed = events(result.stderr)
    .filter(({ event, status }) => event === 'check' && status === 'fail')
    .map(({ id }) => id);
  assert.deepEqual(failed, checks, result.stderr);
}

test('a host that passes everything on faithfully is no obstacle, and sees no word of it', async () => {
  await using between = await hostileHost(host.url);
  const result = await run(between.url);
  assert.equal(result.status, 0, result.stderr);
  assert.equal(result.stdout, marker);
  assert.ok(!between.received().includes(marker));
  assert.ok(between.received().length > 1000);
});

test('a man in the middle who asks the Keep with the nonce of the client gets evidence for his connection only', async () => {
  const { interception, onChannel } = manInTheMiddle();
  await using between = await hostileHost(host.url, onChannel);
  assertRejectedFor(await run(between.url), 'policy/report-data');
  assert.equal(interception.evidence.length, 1, 'the Keep did answer him');
  assertNothingLeft(between, interception.plaintext());
});

test('evidence of another genuine Keep of the same host is not evidence of the one that was asked for', async () => {
  const { interception, onChannel } = manInTheMiddle({ askKeep: await newKeep() });
  await using between = await hostileHost(host.url, onChannel);
  assertRejectedFor(await run(between.url), 'policy/report-data');
  assertNothingLeft(between, interception.plaintext());
});

test('a channel that leads to another genuine Keep is found out, though nobody is in the middle', async () => {
  const other = await newKeep();
  await using between = await hostileHost(host.url, async ({ client, open }) => {
    join(client, await open(other));
  });
  assertRejectedFor(await run(between.url), 'policy/report-data');
  assertNothingLeft(between);
});

test('evidence that was genuine once is refused when it is given again', async () => {
  let first: Evidence | undefined;
  const { interception, onChannel } = manInTheMiddle({ alter: (evidence) => (first ??= evidence) });
  await using between = await hostileHost(host.url, onChannel);
  assertRejectedFor(await run(between.url), 'policy/report-data');
  assertRejectedFor(await run(between.url), 'policy/report-data');
  const [one, two] = interception.evidence;
  assert.notDeepEqual(one?.report, two?.report);
  assertNothingLeft(between, interception.plaintext());
});

test('one bit of the report, wherever it is, breaks its signature or its form', async () => {
  for (const at of [0x10, 0x50, 0x90, 0x180, 0x2a0, 0x2f0]) {
    const { onChannel } = manInTheMiddle({
      alter: (evidence) => {
        const report = Uint8Array.from(evidence.report);
        report[at] = (report[at] as number) ^ 1;
        return { ...evidence, report };
      },
    });
    await using between = await hostileHost(host.url, onChannel);
    const result = await run(between.url);
    assert.equal(result.status, 240, `bit at ${String(at)}: ${result.stderr}`);
    assertNothingLeft(between);
  }
});

test('evidence that is none is malformed or rejected, never accepted', async () => {
  const cases: readonly ((evidence: Evidence) => Evidence)[] = [
    (evidence) => ({ ...evidence, report: new Uint8Array(0) }),
    (evidence) => ({ ...evidence, report: randomBytes(1184) }),
    (evidence) => ({ ...evidence, report: evidence.report.subarray(0, 1183) }),
    (evidence) => ({ ...evidence, endorsements: new Uint8Array(0) }),
    (evidence) => ({ ...evidence, endorsements: randomBytes(4096) }),
  ];
  for (const alter of cases) {
    const { interception, onChannel } = manInTheMiddle({ alter });
    await using between = await hostileHost(host.url, onChannel);
    const result = await run(between.url);
    assert.ok(result.status === 240 || result.status === 242, result.stderr);
    assertNothingLeft(between, interception.plaintext());
  }
});

/** What becomes of a channel, and the status and the codes that the client may then end with. */
const channels: Readonly<
  Record<string, readonly [onChannel: (channel: Channel) => void | Promise<void>, ...codes: string[]]>
> = {
  'is closed at once': [({ client }) => void client.destroy(), 'channel/handshake-failed'],
  'speaks no TLS': [({ client }) => void client.end('HTTP/1.1 200 OK\r\n\r\n'), 'channel/handshake-failed'],
  'is noise without end': [noise, 'channel/handshake-failed'],
  'is cut in the middle of the handshake': [cutAfter(300), 'channel/handshake-failed', 'channel/closed'],
  'is cut in the middle of the evidence': [cutAfter(2500), 'channel/handshake-failed', 'channel/closed'],
  'has one byte changed': [changeByte(1500), 'channel/handshake-failed', 'channel/closed', 'channel/answer'],
};

for (const [what, [onChannel, ...codes]] of Object.entries(channels)) {
  test(`a channel that ${what} ends with 243 and a reason`, async () => {
    await using between = await hostileHost(host.url, onChannel);
    const result = await run(between.url);
    assert.equal(result.status, 243, result.stderr);
    const code = errorCode(result) ?? 'none';
    assert.ok(codes.includes(code), code);
    assertNothingLeft(between);
  });
}

test(
  'a host that is silent, on the channel or at once, costs bounded time',
  { timeout: 90_000 },
  async () => {
    await using silentChannel = await hostileHost(host.url, () => undefined);
    await using silentApi = await hostileHost(host.url, passOn, (request) => {
      request.resume();
      return true;
    });
    const started = performance.now();
    const [channel, api] = await Promise.all([run(silentChannel.url), run(silentApi.url)]);
    assert.equal(channel.status, 243, channel.stderr);
    assert.equal(errorCode(channel), 'channel/timeout');
    assert.equal(api.status, 243, api.stderr);
    assert.equal(errorCode(api), 'client/host-timeout');
    assert.ok(performance.now() - started < 60_000);
    assertNothingLeft(silentChannel);
    assertNothingLeft(silentApi);
  },
);

test('a channel that is slow, byte by byte, still comes to its end', async () => {
  await using between = await hostileHost(host.url, async ({ client, open }) => {
    const keep = await open();
    keep.on('close', () => client.destroy());
    client.on('close', () => keep.destroy());
    dribble(client, keep);
    dribble(keep, client);
  });
  const result = await run(between.url);
  assert.equal(result.status, 0, result.stderr);
  assert.equal(result.stdout, marker);
});

/** What the host says instead of the answer to a request. */
const answers: Readonly<Record<string, readonly [answer: Answer, status: number, code: string]>> = {
  'a body that is no CBOR': [body(201, '\xff\xff\xff'), 242, 'cbor/malformed'],
  'indefinite lengths': [body(201, '\x9f\xff'), 242, 'cbor/malformed'],
  'a length of 2^40': [body(201, '\x5b\x00\x00\x01\x00\x00\x00\x00\x00'), 242, 'cbor/malformed'],
  'a thousand levels': [body(201, '\x81'.repeat(1000) + '\x00'), 242, 'cbor/too-deep'],
  'the same key twice': [body(201, '\xa2\x61a\x00\x61a\x00'), 242, 'cbor/malformed'],
  'another message': [body(201, '\xa1\x63tee\x63sim'), 242, 'message/invalid'],
  'a body without end': [endless, 242, 'client/host-answer'],
  'a web page': [body(200, '<html>', 'text/html'), 242, 'client/host-answer'],
};

for (const [what, [answer, status, code]] of Object.entries(answers)) {
  test(`a host that answers with ${what} gets ${String(status)}, ${code}`, { timeout: 90_000 }, async () => {
    await using between = await hostileHost(host.url, passOn, answer);
    const result = await run(between.url);
    assert.equal(errorCode(result), code, result.stderr);
    assert.equal(result.status, status);
    assertNothingLeft(between);
  });
}

test('what a host says cannot move the cursor of the terminal', async () => {
  const escape = '\u001b[2J';
  const problem = encodeProblem(
    new EnarxError(
      `keep/${escape}`,
      { kind: 'rejected', status: 403, title: `title${escape}`, mend: `mend${escape}` },
      { found: `found${escape}`, expected: `expected\u202e` },
    ),
  );
  const answer = body(403, Buffer.from(problem).toString('latin1'), problemContentType);
  await using between = await hostileHost(host.url, passOn, answer);
  const { status, stderr } = await enarx(box, ['run', '--host', between.url, program]);
  assert.equal(status, 240, stderr);
  assert.doesNotMatch(stderr, /[\u001b\u202e]/);
  assert.match(stderr, /mend\\u\{1b\}\[2J/);
});

function body(status: number, bytes: string, type = 'application/cbor'): Answer {
  return (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': type });
    response.end(Buffer.from(bytes, 'latin1'));
    return true;
  };
}

function endless(...[request, response]: Parameters<Answer>): boolean {
  request.resume();
  response.writeHead(201, { 'content-type': 'application/cbor' });
  const write = (): void => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536)));
  };
  response.on('drain', write).on('error', () => undefined);
  write();
  return true;
}

function noise({ client }: Channel): void {
  const write = (): void => {
    while (!client.destroyed && client.write(randomBytes(16_384)));
  };
  client.on('drain', write).on('error', () => undefined);
  write();
}

/** Passes so many bytes of the Keep's on, and then nothing. */
function cutAfter(bytes: number): (channel: Channel) => Promise<void> {
  return async ({ client, open }) => {
    const keep = await open();
    client.pipe(keep);
    let left = bytes;
    keep
      .on('data', (chunk: Buffer) => {
        client.write(chunk.subarray(0, left));
        left -= chunk.length;
        if (left > 0) return;
        client.end();
        keep.destroy();
      })
      .resume();
    client.on('close', () => keep.destroy());
  };
}

function changeByte(at: number): (channel: Channel) => Promise<void> {
  return async ({ client, open }) => {
    const keep = await open();
    client.pipe(keep);
    let passed = 0;
    keep
      .on('data', (chunk: Buffer) => {
        const index = at - passed;
        passed += chunk.length;
        if (index >= 0 && index < chunk.length) chunk[index] = (chunk[index] as number) ^ 1;
        client.write(chunk);
      })
      .resume();
    keep.on('close', () => client.destroy());
    client.on('close', () => keep.destroy());
  };
}

function dribble(from: Duplex, to: Duplex): void {
  const waiting: Buffer[] = [];
  let busy = false;
  const step = (): void => {
    const chunk = waiting.shift();
    busy = chunk !== undefined;
    if (chunk === undefined) return;
    to.write(chunk.subarray(0, 1));
    if (chunk.length > 1) waiting.unshift(chunk.subarray(1));
    setImmediate(step);
  };
  from
    .on('data', (chunk: Buffer) => {
      waiting.push(chunk);
      if (!busy) step();
    })
    .resume();
}
