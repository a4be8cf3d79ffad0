// SPDX-License-Identifier: Apache-2.0
//
// Components in JavaScript, from the real command to a real Keep: a command that runs to its end, and a handler that a client reaches over HTTPS.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { text } from 'node:stream/consumers';
import type { IncomingMessage } from 'node:http';

import { enarx } from './support/enarx.ts';
import { javascriptComponent, noJavascript } from './support/javascript-components.ts';
import { nothingRunsIn } from './support/processes.ts';
import { sandbox, type DisposableSandbox } from './support/sandbox.ts';
import { served, trustIn } from './support/served-handler.ts';

describe('a component in JavaScript', { skip: noJavascript }, () => {
  let box: DisposableSandbox;

  before(async () => {
    box = await sandbox();
  });
  after(async () => {
    await nothingRunsIn(box.root);
    box[Symbol.dispose]();
  });

  test('runs in a Keep: arguments, environment, input and carried files reach it', async () => {
    const data = box.path('data');
    mkdirSync(data);
    writeFileSync(box.path('data', 'a.txt'), 'A');
    const component = javascriptComponent('javascript');
    const { status, stdout, stderr } = await enarx(
      box,
      ['run', '--dir', `${data}::/data`, '--env', 'GREETING=grüß Gott', component, 'ünï'],
      { input: 'first\nsecond\n' },
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^arguments: \["[^"]*javascript\.wasm","ünï"\]$/m);
    assert.match(stdout, /^environment: \[\["GREETING","grüß Gott"\]\]$/m);
    assert.match(stdout, /^input: first\nsecond\n$/m);
    assert.match(stdout, /^directory: \/data$/m);
    assert.match(stdout, /^file: written by JavaScript, true, 21$/m);
    assert.match(stdout, /^entries: a\.txt regular-file, note\.txt regular-file$/m);
  });

  test('answers HTTPS requests of a client that trusts the certificate of the Keep, and no other', async () => {
    await using keep = await served(box, javascriptComponent('javascript-handler'), [
      '--listen',
      '127.0.0.1:0',
    ]);
    const trust = await trustIn(keep);
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ...trust });
    const ask = async (path: string, body?: string): Promise<{ status: number; body: string }> => {
      const sending = request({
        ...{ host: '127.0.0.1', port: keep.port, agent, path },
        method: body === undefined ? 'GET' : 'POST',
        headers: { 'x-one': 'uno', 'content-type': 'text/x' },
      });
      sending.end(body);
      const [message] = (await once(sending, 'response')) as [IncomingMessage];
      return { status: message.statusCode ?? 0, body: await text(message) };
    };
    try {
      for (let i = 0; i < 2; i += 1)
        assert.deepEqual(JSON.parse((await ask('/show?a=b')).body), {
          ...{ method: 'GET', search: '?a=b', header: 'uno' },
          // Of an instance that has answered nothing before, though the connection is the same.
          count: 1,
        });
      assert.deepEqual(await ask('/upper', 'grüß'), { status: 201, body: 'GRÜSS' });
      const long = 'there and back. '.repeat(20_000);
      assert.deepEqual(await ask('/echo', long), { status: 200, body: long });
      assert.equal((await ask('/throw')).status, 500);
      assert.equal((await ask('/slow')).body, 'slept');
    } finally {
      agent.destroy();
    }
    await assert.rejects(
      once(request({ host: '127.0.0.1', port: keep.port, agent: false }).end(), 'response'),
      { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    );
  });
});
