// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** What a Keep refuses, or fails at, once the channel stands. Problems of the program itself are the runtime's. */
export const wasmldrProblems = {
  'wasmldr/workload-taken': {
    kind: 'rejected',
    status: 409,
    title: 'The Keep has taken its one workload already',
    mend: 'Create a new Keep: each takes one workload, from one owner, once. If you did not deliver yet, somebody else did.',
  },
  'wasmldr/not-owner': {
    kind: 'rejected',
    status: 403,
    title: 'Only the owner of the Keep may do this, and this key is not its owner',
    mend: 'Use the identity with which the workload was delivered.',
  },
  'wasmldr/not-running': {
    kind: 'unavailable',
    status: 409,
    title: 'The workload of the Keep is not complete yet',
    mend: 'Wait until it is delivered.',
  },
  'wasmldr/delivery-stalled': {
    kind: 'unavailable',
    status: 408,
    title: 'The delivery did not go on in time',
    mend: 'Create a new Keep and deliver again; send something at least once a minute.',
  },
  'wasmldr/delivery-cut-off': {
    kind: 'unavailable',
    status: 400,
    title: 'The connection ended before the workload was complete',
    mend: 'Create a new Keep and deliver again.',
  },
  'wasmldr/digest-other': {
    kind: 'malformed',
    status: 422,
    title: 'The module is not the one that was announced',
    mend: 'Create a new Keep and deliver again; let nothing write to the module meanwhile.',
  },
  'wasmldr/replaced': {
    kind: 'unavailable',
    status: 409,
    title: 'The owner has attached again, on another connection',
    mend: 'Go on there.',
  },
  'wasmldr/stopped': {
    kind: 'unavailable',
    status: 410,
    title: 'The Keep was stopped by its owner before its program had started',
    mend: 'Create a new Keep and deliver again.',
  },
  'wasmldr/secret-missing': {
    kind: 'unavailable',
    status: 503,
    title: 'The launch secret that this kind of Keep lives from is not there',
    mend: 'Launch the Keep with a client that takes part in the launch; on hardware the guest kernel needs EFI_COCO_SECRET (`enarx image build --kernel`).',
  },
  'wasmldr/host-misbehaved': {
    kind: 'internal',
    status: 502,
    title: 'The host broke the protocol of the device of the Keep',
    mend: 'Check that the host runs the same release.',
  },
  'wasmldr/host-gone': {
    kind: 'unavailable',
    status: 502,
    title: 'The host closed the device of the Keep',
    mend: 'Look at the log of the Keep on its host.',
  },
  'wasmldr/failed': {
    kind: 'internal',
    status: 500,
    title: 'The Keep failed',
    mend: 'Report it; then create a new Keep.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const wasmldrProblem = problemsOf(wasmldrProblems);
export type WasmldrProblemCode = keyof typeof wasmldrProblems;
