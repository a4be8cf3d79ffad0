// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes one target in a thread of its own, so that an input that hangs or eats memory can be told and stopped.
import { workerData, parentPort } from 'node:worker_threads';

import { Coverage } from './coverage.ts';
import { fuzz } from './fuzzer.ts';
import { currentHeader, type Order } from './order.ts';
import { findTarget } from './targets.ts';

const { target: name, executions, seed, current } = workerData as Order;
const head = new Int32Array(current, 0, 2);
const place = new Uint8Array(current, currentHeader);
const target = await findTarget(name);
const coverage = new Coverage(/\/packages\/[^/]+\/src\//);
parentPort?.postMessage(
  await fuzz({
    target,
    coverage,
    executions,
    seed,
    before: (input) => {
      place.set(input.subarray(0, place.length));
      Atomics.store(head, 0, input.length);
      Atomics.add(head, 1, 1);
    },
  }),
);
