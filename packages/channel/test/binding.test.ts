// SPDX-License-Identifier: Apache-2.0
//
// What evidence is bound to. The judge here looks at the report data and at nothing else, as if a genuine processor had signed all of it: each
// lie is one that only the binding catches.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createIdentity, openChannel, type Judge } from '@enarx/channel';
import { attestRequest, encodeMessage, type Purpose } from '@enarx/protocol';

import { keepId, liar, type LiarOptions } from './support/liar.ts';
import { recordClearText } from './support/clear-text.ts';
import { connectedPair, recordedPair } from './support/pipe.ts';
import { RawClient } from './support/raw-client.ts';

const identity = await createIdentity();

const bound: Judge = ({ evidence, reportData }) =>
  Buffer.compare(evidence.report, reportData) === 0
    ? Promise.resolve()
    : Promise.reject(new Error('about something else'));

interface Attempt {
  readonly outcome: unknown;
  /** What was written into TLS after the handshake, and on the wire, one character for each byte. */
  readonly clear: string;
  readonly wire: string;
  readonly closed: boolean;
}

async function attestWith(
  options: LiarOptions,
  { purpose = 'deliver', open = keepId }: { purpose?: Purpose; open?: Uint8Array } = {},
): Promise<Attempt> {
  const [ours, theirs, wire] = await recordedPair();
  (await liar(options))(theirs);
  const clear = recordClearText();
  const channel = await openChannel({ connection: ours, identity, keepId: open });
  const outcome = await channel.attest(purpose, bound).then(
    (attested) => attested,
    (error: unknown) => error,
  );
  const attempt = { outcome, clear: clear(), wire: wire(), closed: ours.destroyed };
  theirs.destroy();
  return attempt;
}

async function assertRefused(
  options: LiarOptions,
  more: Parameters<typeof attestWith>[1] = {},
): Promise<void> {
  const { outcome, closed } = await attestWith(options, more);
  assert.ok(outcome instanceof Error);
  assert.equal(outcome.message, 'about something else');
  assert.ok(closed, 'the connection was left open');
}

describe('evidence', () => {
  test('about this connection is accepted', async () => {
    const { outcome } = await attestWith({});
    assert.ok(!(outcome instanceof Error), String(outcome));
  });

  const lies: Record<string, LiarOptions['lie']> = {
    'over another nonce': { nonce: new Uint8Array(32) },
    'about another connection of the same two keys (exporter)': { exporter: new Uint8Array(32) },
    'of another server key': { keepKey: new Uint8Array(32) },
    'for another client key': { clientKey: new Uint8Array(32) },
    'of another Keep': { keepId: new Uint8Array(16) },
    'for another purpose': { purpose: 'verify' },
  };
  for (const [name, lie] of Object.entries(lies)) {
    test(`${name} is refused`, () => assertRefused({ lie: lie ?? {} }));
  }

  test('that was given before is refused when it is replayed', async () => {
    const answers: Uint8Array[] = [];
    const first = await attestWith({ made: (body) => answers.push(body) });
    assert.ok(!(first.outcome instanceof Error));
    await assertRefused({ answer: () => ({ body: answers[0]! }) });
  });

  test('of the Keep that was asked for does not do for another', () =>
    assertRefused({}, { open: new Uint8Array(16).fill(1) }));

  test('relayed by somebody who ends the TLS of both sides is refused', async () => {
    const genuine = await liar();
    const [keepSide, keepEnd] = await connectedPair();
    genuine(keepEnd);
    // Ends the client's TLS with a key of its own, and passes its very questions on in a connection of its own.
    const onward = await RawClient.open(keepSide, await createIdentity());
    let passedOn = 0;
    await assertRefused({
      answer: async (question) => {
        onward.request('/v1/attest', { 'content-type': 'application/cbor' }, question);
        const answer = await onward.answer();
        assert.equal(answer?.status, 200);
        passedOn += 1;
        return answer;
      },
    });
    assert.equal(passedOn, 1);
    keepSide.destroy();
  });

  test('sent on a connection that fails leaves nothing behind but the question', async () => {
    const { clear, wire } = await attestWith({ lie: { nonce: new Uint8Array(32) } });
    const [head, body] = clear.split('\r\n\r\n') as [string, string];
    assert.match(head, /^POST \/v1\/attest HTTP\/1\.1\r\n/);
    assert.equal(
      body.length,
      encodeMessage(attestRequest, { nonce: new Uint8Array(32), purpose: 'deliver' }).length,
    );
    assert.ok(
      wire.length > clear.length && !wire.includes('/v1/attest'),
      'the question crossed the wire in clear',
    );
  });
});
