// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile, mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';

import {
  createCollateralFetcher,
  type CollateralFetcher,
  type FetcherOptions,
} from '@enarx/client/collateral';
import { writePem } from '@enarx/attestation';
import { derBitString, derExplicit, derInteger, derOid, derSequence, derTime } from '@enarx/attestation/der';
import { derExtension, derName } from '@enarx/attestation/x509';
import { EnarxError } from '@enarx/protocol';

// A service that fails in every way, and a clock that we set. No signature is looked at here: fetching is not verifying.

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
let handler: Handler = (_, response) => response.end();
let requests = 0;
const server = createServer((request, response) => {
  requests += 1;
  handler(request, response);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
const root = await mkdtemp(join(tmpdir(), 'enarx-collateral-'));
after(async () => {
  server.closeAllConnections();
  server.close();
  await rm(root, { recursive: true });
});

const start = Date.parse('2026-06-01T12:00:00Z');
const hour = 3_600_000;
const day = 24 * hour;

/** A revocation list as vendors have them; nobody signed it. */
function list({ number = 1, from = start - day, until = start + 30 * day } = {}): Uint8Array {
  const algorithm = derSequence(derOid('1.2.840.10045.4.3.2'));
  const body = derSequence(
    derInteger(1),
    algorithm,
    derName([['2.5.4.3', 'Issuer']]),
    derTime(from),
    derTime(until),
    derExplicit(0, derSequence(derExtension({ oid: '2.5.29.20', value: derInteger(number) }))),
  );
  return derSequence(body, algorithm, derBitString(Uint8Array.of(0x30, 0)));
}

const give =
  (body: Uint8Array, headers: Readonly<Record<string, string>> = {}): Handler =>
  (_, response) => {
    response.writeHead(200, headers).end(body);
  };
const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Handler =>
  (_, response) => {
    response.writeHead(code, headers).end('no');
  };
/** One handler after the other, the last for all that come after. */
function inTurn(...handlers: readonly Handler[]): Handler {
  let turn = 0;
  return (request, response) => {
    const next = handlers[Math.min(turn, handlers.length - 1)] as Handler;
    turn += 1;
    next(request, response);
  };
}

interface Bench {
  readonly fetcher: CollateralFetcher;
  readonly pauses: number[];
  readonly directory: string;
  time: number;
}

async function bench(options: Partial<FetcherOptions> = {}): Promise<Bench> {
  const directory = join(await mkdtemp(join(root, 'case-')), 'cache');
  const state = { time: start };
  const pauses: number[] = [];
  requests = 0;
  const fetcher = createCollateralFetcher({
    cacheDirectory: directory,
    now: () => state.time,
    timeout: 300,
    pause: (milliseconds) => {
      pauses.push(milliseconds);
      return Promise.resolve();
    },
    ...options,
  });
  return {
    fetcher,
    pauses,
    directory,
    get time() {
      return state.time;
    },
    set time(value) {
      state.time = value;
    },
  };
}

const isProblem =
  (code: string, found = /./) =>
  (error: unknown): boolean =>
    error instanceof EnarxError && error.code === code && found.test(error.message);
const url = `${base}/vcek/v1/Milan/crl`;

suite('fetching collateral', () => {
  test('keeps what the service gave, and does not ask again while it is fresh', async () => {
    handler = give(list());
    const { fetcher, directory } = await bench();
    const first = await fetcher.fetch(url);
    assert.equal(first.from, 'service');
    assert.deepEqual(first.files, [list()]);
    assert.deepEqual(
      first.items.map(({ kind, title, number }) => [kind, title, number]),
      [['revocation-list', 'Issuer', 1n]],
    );
    const second = await fetcher.fetch(url);
    assert.equal(second.from, 'cache');
    assert.deepEqual(second.files, first.files);
    assert.equal(requests, 1);
    assert.equal((await readdir(directory)).length, 1);
    // Another process with the same directory finds it there.
    const other = createCollateralFetcher({ cacheDirectory: directory, now: () => start });
    assert.equal((await other.fetch(url)).from, 'cache');
  });

  test('asks again when it is no longer fresh, and when the clock went back', async () => {
    handler = give(list());
    const made = await bench();
    await made.fetcher.fetch(url);
    made.time = start + hour + 1;
    assert.equal((await made.fetcher.fetch(url)).from, 'service');
    made.time = start;
    assert.equal((await made.fetcher.fetch(url)).from, 'service');
    assert.equal(requests, 3);
  });

  test('takes the chains that come in headers', async () => {
    const chain = encodeURIComponent(writePem('X509 CRL', list({ number: 9 })));
    handler = give(list(), { 'TCB-Info-Issuer-Chain': chain });
    const { fetcher } = await bench();
    const { files, items } = await fetcher.fetch(url);
    assert.equal(files.length, 2);
    assert.deepEqual(
      items.map(({ number }) => number),
      [1n, 9n],
    );
  });

  test('makes one request of many at the same time, and one for each address', async () => {
    handler = (request, response) =>
      setTimeout(() => {
        give(list())(request, response);
      }, 50);
    const { fetcher } = await bench();
    const all = await Promise.all([
      fetcher.fetch(url),
      fetcher.fetch(url),
      fetcher.fetch(url),
      fetcher.fetch(`${url}?2`),
    ]);
    assert.equal(requests, 2);
    assert.equal(all[0], all[2]);
  });

  test('refuses what is no address', async () => {
    const { fetcher } = await bench();
    for (const bad of ['', 'ftp://x/', 'file:///etc/passwd', 'http://u:p@x/', 'http://u@x/', 'http://x/#y'])
      await assert.rejects(fetcher.fetch(bad), isProblem('collateral/url-invalid'));
  });
});

suite('a service that fails', () => {
  for (const code of [429, 500, 503])
    test(`with ${String(code)} is asked again, later each time, four times in all`, async () => {
      handler = status(code);
      const { fetcher, pauses } = await bench();
      await assert.rejects(
        fetcher.fetch(url),
        isProblem('collateral/unreachable', new RegExp(`status ${String(code)}`)),
      );
      assert.equal(requests, 4);
      assert.equal(pauses.length, 3);
      pauses.forEach((pause, index) => {
        assert.ok(pause >= 250 * 2 ** index && pause <= 500 * 2 ** index, String(pause));
      });
    });

  test('for a moment is no failure', async () => {
    handler = inTurn(status(500), status(429), give(list()));
    const { fetcher, pauses } = await bench();
    assert.equal((await fetcher.fetch(url)).from, 'service');
    assert.equal(pauses.length, 2);
  });

  test('says when to come back, in seconds or as a date, and is obeyed within reason', async () => {
    const date = new Date(start + 20_000).toUTCString();
    handler = inTurn(
      status(429, { 'Retry-After': '7' }),
      status(503, { 'Retry-After': date }),
      status(503, { 'Retry-After': 'soon' }),
      give(list()),
    );
    const { fetcher, pauses } = await bench();
    await fetcher.fetch(url);
    assert.equal(pauses[0], 7000);
    assert.equal(pauses[1], 20_000);
    assert.ok((pauses[2] as number) <= 2000);
    handler = status(429, { 'Retry-After': '3600' });
    const late = await bench();
    await assert.rejects(late.fetcher.fetch(url), isProblem('collateral/unreachable'));
    assert.equal(requests, 1);
  });

  test('by not answering is given up in time', async () => {
    handler = () => undefined;
    const { fetcher } = await bench({ attempts: 1 });
    await assert.rejects(
      fetcher.fetch(url),
      isProblem('collateral/unreachable', /no whole answer within 300 ms/),
    );
  });

  test('by never ending its answer is given up in time', async () => {
    handler = (_, response) => {
      response.writeHead(200).write(list().subarray(0, 10));
    };
    const { fetcher } = await bench({ attempts: 1 });
    await assert.rejects(fetcher.fetch(url), isProblem('collateral/unreachable', /no whole answer/));
  });

  test('by hanging up in the middle is asked again', async () => {
    const cut: Handler = (_, response) => {
      response.writeHead(200, { 'Content-Length': '1000' }).write(list().subarray(0, 10));
      setTimeout(() => response.destroy(), 20);
    };
    handler = inTurn(cut, give(list()));
    const { fetcher, pauses } = await bench();
    assert.equal((await fetcher.fetch(url)).from, 'service');
    assert.equal(pauses.length, 1);
  });

  test('that nobody reaches is said so', async () => {
    const { fetcher } = await bench({ attempts: 1 });
    await assert.rejects(fetcher.fetch('http://127.0.0.1:1/'), isProblem('collateral/unreachable'));
  });

  for (const [title, failing, code] of [
    ['that redirects', status(302, { Location: `${base}/other` }), 'collateral/refused'],
    ['that has nothing there', status(404), 'collateral/refused'],
    ['that gives a web page', give(new TextEncoder().encode('<html>')), 'collateral/unusable'],
    ['that gives nothing', give(new Uint8Array(0)), 'collateral/unusable'],
    ['that gives half of a list as a whole one', give(list().subarray(0, 50)), 'collateral/unusable'],
    ['that gives more than any has', give(new Uint8Array(1_048_577)), 'collateral/unusable'],
    ['that gives what is past its date', give(list({ until: start - 1 })), 'collateral/expired'],
  ] as const)
    test(`${title} is refused at once, and nothing is kept`, async () => {
      handler = failing;
      const { fetcher, directory } = await bench();
      await assert.rejects(fetcher.fetch(url), isProblem(code));
      assert.equal(requests, 1);
      await assert.rejects(readdir(directory), { code: 'ENOENT' });
    });

  test('is paused for in earnest when nobody says otherwise', async () => {
    handler = inTurn(status(500), give(list()));
    const directory = join(await mkdtemp(join(root, 'case-')), 'cache');
    const fetcher = createCollateralFetcher({ cacheDirectory: directory, now: () => start });
    const before = performance.now();
    assert.equal((await fetcher.fetch(url)).from, 'service');
    assert.ok(performance.now() - before >= 249);
  });

  test('can be called off by one caller without the others, and by the last for all', async () => {
    let answer: (() => void) | undefined;
    handler = (request, response) => {
      answer = () => {
        give(list())(request, response);
      };
    };
    const { fetcher, directory } = await bench({ timeout: 5000 });
    const [first, second] = [new AbortController(), new AbortController()];
    const one = fetcher.fetch(url, { signal: first.signal });
    const other = fetcher.fetch(url, { signal: second.signal });
    setTimeout(() => {
      first.abort();
    }, 30);
    await assert.rejects(one, { name: 'AbortError' });
    answer?.();
    assert.equal((await other).from, 'service');
    assert.equal(requests, 1);
    await rm(directory, { recursive: true });
    const last = fetcher.fetch(url, { signal: second.signal });
    second.abort();
    await assert.rejects(last, { name: 'AbortError' });
    handler = give(list());
    assert.equal((await fetcher.fetch(url)).from, 'service');
    await assert.rejects(fetcher.fetch(url, { signal: second.signal }), { name: 'AbortError' });
  });

  test('can be called off', async () => {
    handler = () => undefined;
    const { fetcher } = await bench({ timeout: 5000 });
    const controller = new AbortController();
    const fetching = fetcher.fetch(url, { signal: controller.signal });
    setTimeout(() => {
      controller.abort();
    }, 30);
    await assert.rejects(fetching, { name: 'AbortError' });
  });
});

suite('what was fetched before', () => {
  test('serves while the service does not, as long as the caller lets it, and says so', async () => {
    const made = await bench({ staleFor: 2 * day, attempts: 1 });
    handler = give(list());
    await made.fetcher.fetch(url);
    handler = status(500);
    made.time = start + 2 * day;
    const stale = await made.fetcher.fetch(url);
    assert.equal(stale.from, 'stale');
    assert.equal(stale.fetchedAt, start);
    made.time = start + 2 * day + 1;
    await assert.rejects(made.fetcher.fetch(url), isProblem('collateral/unreachable'));
  });

  test('never serves past its own date', async () => {
    const made = await bench({ staleFor: 100 * day, freshFor: 100 * day, attempts: 1 });
    handler = give(list());
    await made.fetcher.fetch(url);
    handler = status(500);
    made.time = start + 30 * day + 1;
    await assert.rejects(made.fetcher.fetch(url), isProblem('collateral/unreachable'));
  });

  for (const [title, older] of [
    ['a list with a lower number', list({ number: 4, from: start })],
    ['a list that was issued earlier', list({ number: 5, from: start - 2 * day })],
  ] as const)
    test(`is not replaced by ${title}`, async () => {
      const made = await bench({ staleFor: 0 });
      handler = give(list({ number: 5 }));
      await made.fetcher.fetch(url);
      handler = give(older);
      made.time = start + 2 * hour;
      await assert.rejects(made.fetcher.fetch(url), isProblem('collateral/older', /number 5 of .* or newer/));
      handler = give(list({ number: 5 }));
      assert.equal((await made.fetcher.fetch(url)).from, 'service');
    });

  test('is replaced by a newer one', async () => {
    const made = await bench();
    handler = give(list({ number: 5 }));
    await made.fetcher.fetch(url);
    made.time = start + 2 * hour;
    handler = give(list({ number: 6, from: start }));
    assert.equal((await made.fetcher.fetch(url)).items[0]?.number, 6n);
  });

  test('counts for nothing when its file is damaged or of another address', async () => {
    const made = await bench();
    handler = give(list());
    await made.fetcher.fetch(url);
    const [name] = (await readdir(made.directory)) as [string];
    const path = join(made.directory, name);
    const whole = await readFile(path);
    for (const damaged of [
      Buffer.alloc(0),
      whole.subarray(1),
      Buffer.from(whole.toString('latin1').replace('Milan', 'Genoa'), 'latin1'),
      Buffer.of(0x80),
    ]) {
      await writeFile(path, damaged);
      assert.equal((await made.fetcher.fetch(url)).from, 'service');
    }
    await writeFile(path, Buffer.from(whole.toString('latin1').replace('Issuer', 'Iss\u00ffer'), 'latin1'));
    assert.equal((await made.fetcher.fetch(url)).from, 'service');
  });

  test('is not more than the caller allows', async () => {
    handler = give(list());
    const { fetcher, directory } = await bench({ mostEntries: 3 });
    for (let number = 0; number < 6; number += 1) await fetcher.fetch(`${url}?${String(number)}`);
    assert.equal((await readdir(directory)).length, 3);
    // What somebody else put there is neither counted nor deleted.
    for (let number = 0; number < 6; number += 1)
      await writeFile(join(directory, `mine-${String(number)}.cbor`), '');
    await fetcher.fetch(`${url}?7`);
    assert.equal((await readdir(directory)).length, 9);
  });

  test('needs a directory', async () => {
    handler = give(list());
    const file = join(root, 'file');
    await writeFile(file, '');
    const { fetcher } = await bench({ cacheDirectory: file });
    await assert.rejects(fetcher.fetch(url), isProblem('collateral/cache-unusable'));
    await mkdir(join(root, 'fine'));
    assert.equal(
      (await (await bench({ cacheDirectory: join(root, 'fine') })).fetcher.fetch(url)).from,
      'service',
    );
  });
});
