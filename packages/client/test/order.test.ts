// SPDX-License-Identifier: Apache-2.0
//
// The wrong order does not compile. Nothing here is ever called: `tsc` is the test, and fails where one of these lines would be allowed.
/* eslint-disable @typescript-eslint/no-unsafe-call -- a call that does not compile has no type */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { AttestedKeep, Host, Keep, Trust, UnattestedKeep, Workload } from '@enarx/client';

export function wrongOrders(
  host: Host,
  keep: Keep,
  open: UnattestedKeep,
  toDeliver: AttestedKeep<'deliver'>,
  toAttach: AttestedKeep<'attach'>,
  toVerify: AttestedKeep<'verify'>,
  workload: Workload,
  trust: Trust,
): void {
  // @ts-expect-error -- a host is no Keep
  void host.open({});
  // @ts-expect-error -- a Keep has to be opened, with an identity
  void keep.open({});
  // @ts-expect-error -- a Keep that was not opened cannot be delivered to
  void keep.deliver(workload);
  // @ts-expect-error -- nor one that was not attested
  void open.deliver(workload);
  // @ts-expect-error -- or attached to
  void open.attach(workload);
  // @ts-expect-error -- a purpose is not optional
  void open.attest(trust);
  // @ts-expect-error -- nor are anchors
  void open.attest({ purpose: 'deliver', policy: trust.policy, at: trust.at });
  // @ts-expect-error -- nor a policy
  void open.attest({ purpose: 'deliver', anchors: trust.anchors, at: trust.at });
  // @ts-expect-error -- nor the time
  void open.attest({ purpose: 'deliver', anchors: trust.anchors, policy: trust.policy });
  // @ts-expect-error -- "no policy" is for looking at evidence, not for delivering
  void open.attest({ purpose: 'deliver', ...trust, policy: undefined });
  // @ts-expect-error -- attested for attaching is not attested for delivering
  void toAttach.deliver(workload);
  // @ts-expect-error -- and the other way round
  void toDeliver.attach(workload);
  // @ts-expect-error -- nor for stopping
  void toDeliver.stop();
  // @ts-expect-error -- attested for nothing in particular is good for nothing
  void toVerify.deliver(workload);
  // @ts-expect-error -- where output goes is not optional
  void toDeliver.deliver({ module: workload.module, args: [] });
}

test('the right order compiles and the wrong ones are listed', () => {
  const rightOrder = async (host: Host, trust: Trust, workload: Workload): Promise<unknown> => {
    const keep = await host.createKeep({ tee: 'sim' });
    const open = await keep.open({ identity: { key: '', certificate: '', keyDigest: new Uint8Array(32) } });
    const attested = await open.attest({ purpose: 'deliver', ...trust });
    return (await attested.deliver(workload)).ended;
  };
  assert.equal(typeof rightOrder, typeof wrongOrders);
});
