// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { InstancePool } from '../../src/runner/instance-pool.ts';

interface Counted {
  readonly number: number;
  end(): void;
}

/** A pool of numbered instances, the first being 0; of its timers the test has the clock. */
function pool(t: TestContext, most: number) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const ended: number[] = [];
  let made = 0;
  const one = (number: number): Counted => ({ number, end: () => ended.push(number) });
  const make = (): Promise<Counted> => {
    made += 1;
    return Promise.resolve(one(made));
  };
  const instances = new InstancePool(make, one(0), most);
  return { instances, ended, made: () => made };
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

test('the instance that is ready is taken, and another made when the request is over', async (t) => {
  const { instances, made } = pool(t, 4);
  assert.equal((await instances.take()).number, 0);
  await turns(3);
  assert.equal(made(), 0);
  instances.done();
  await turns(3);
  assert.equal(made(), 1);
  assert.equal((await instances.take()).number, 1);
  assert.equal(made(), 1);
});

test('beside a request that lasts one more is made, for those who come meanwhile', async (t) => {
  const { instances, made } = pool(t, 4);
  await instances.take();
  t.mock.timers.tick(9);
  assert.equal(made(), 0);
  t.mock.timers.tick(1000);
  assert.equal(made(), 1);
});

test('as many are made ready as were wanted at once, one in each turn and none while a request is answered', async (t) => {
  const { instances, made } = pool(t, 8);
  await Promise.all([instances.take(), instances.take(), instances.take()]);
  assert.equal(made(), 2);
  instances.done();
  instances.done();
  await turns(5);
  assert.equal(made(), 2);
  instances.done();
  await turns(1);
  assert.equal(made(), 3);
  await instances.take();
  await turns(5);
  assert.equal(made(), 3);
  instances.done();
  await turns(5);
  assert.equal(made(), 6);
});

test('ready ones and taken ones together are never more than may be', async (t) => {
  const { instances, made } = pool(t, 2);
  await Promise.all([instances.take(), instances.take()]);
  t.mock.timers.tick(1000);
  assert.equal(made(), 1);
  instances.done();
  t.mock.timers.tick(1000);
  assert.equal(made(), 1);
  instances.done();
  await turns(5);
  assert.equal(made(), 3);
});

test('what was wanted long ago is forgotten, and what is ready for it given back', async (t) => {
  const { instances, ended, made } = pool(t, 8);
  await Promise.all([instances.take(), instances.take(), instances.take()]);
  for (let i = 0; i < 3; i += 1) instances.done();
  await turns(5);
  assert.equal(made(), 5);
  t.mock.timers.tick(60_000);
  assert.deepEqual(ended, []);
  t.mock.timers.tick(60_000);
  await Promise.resolve();
  assert.deepEqual(ended, [4, 5]);
});

test('that none can be made is told to whom it was made for', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const fail = (): Promise<Counted> => Promise.reject(new Error('no memory'));
  const instances = new InstancePool(fail, { number: 0, end: () => undefined }, 4);
  await instances.take();
  instances.done();
  await turns(1);
  await assert.rejects(instances.take(), /no memory/);
});
