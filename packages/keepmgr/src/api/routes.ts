// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';

import {
  createKeep,
  formatKeepId,
  keep as keepMessage,
  keepChanges,
  keepList,
  keepLog,
  managerInfo,
  parseKeepId,
  platform as platformMessage,
  protocolVersion,
  renewKeep,
  supportBundle,
  type Platform,
} from '@enarx/protocol';

import type { Changes } from '../keeps/changes.ts';
import type { Keep } from '../keeps/keep.ts';
import type { Keeps } from '../keeps/keeps.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { keepmgrProblem } from '../problems.ts';
import { readMessage, refuseBody } from './body.ts';
import type { Caller } from './caller.ts';
import { parseChangesQuery, parseListQuery } from './query.ts';
import { reply, type Reply } from './reply.ts';

/** What the API is about. */
export interface ApiSubject {
  readonly keeps: Keeps;
  readonly changes: Changes;
  readonly limits: Limits;
  readonly release: string;
  readonly metrics: Metrics;
  /** What keeps the daemon from making Keeps, if anything does. */
  readonly obstacles: () => Promise<readonly string[]>;
  /** What this host can do, probed once. */
  readonly platform: () => Promise<Platform['backends']>;
  /** The metrics as they are now, in the text format of Prometheus. */
  readonly scrape: () => Promise<string>;
  /** What somebody may see who helps, as JSON. */
  readonly support: () => Promise<string>;
}

interface Asking {
  readonly request: IncomingMessage;
  /** The request's own, 8 bytes. */
  readonly number: Uint8Array;
  readonly caller: Caller;
  /** Id in the path. */
  readonly id: Uint8Array;
  /** What stands behind the question mark. */
  readonly query: string;
}

type Handler = (subject: ApiSubject, asking: Asking) => Promise<Reply> | Reply;

/** Paths below /v1, with `ID` for a Keep id, and what each does for which method. docs/protocol.md has the same list. */
const routes: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/healthz': { GET: health },
  '/readyz': { GET: readiness },
  '/metrics': { GET: metrics },
  '/v1/': { GET: info },
  '/v1/platform': { GET: platform },
  '/v1/keeps': { GET: list, POST: create },
  '/v1/changes': { GET: changes },
  '/v1/cordon': { POST: cordon },
  '/v1/uncordon': { POST: uncordon },
  '/v1/drain': { POST: drain },
  '/v1/support': { GET: support },
  '/v1/keeps/ID': { GET: show, DELETE: remove },
  '/v1/keeps/ID/log': { GET: log },
  '/v1/keeps/ID/renew': { POST: renew },
  '/v1/keeps/ID/stop': { POST: stop },
  '/v1/keeps/ID/channel': { GET: withoutUpgrade },
  '/v1/keeps/ID/launch': { GET: withoutUpgrade },
};

const withBody: ReadonlySet<Handler> = new Set<Handler>([create, renew]);
const withQuery: ReadonlySet<Handler> = new Set<Handler>([list, changes]);
/** Shorter than the thirty seconds after which clients give up on an answer. */
const longestWatch = 25_000;

/** @throws EnarxError `api/…`, `keep/…` and whatever the request runs into */
export async function route(
  subject: ApiSubject,
  request: IncomingMessage,
  { caller, number }: Pick<Asking, 'caller' | 'number'>,
): Promise<Reply> {
  const { path, id, query } = parsePath(request.url ?? '');
  const methods = routes[path];
  if (methods === undefined) throw keepmgrProblem('api/path-unknown');
  const handler = Object.hasOwn(methods, request.method ?? '') ? methods[request.method ?? ''] : undefined;
  if (handler === undefined)
    throw keepmgrProblem('api/method-unknown', { expected: Object.keys(methods).join(' or ') });
  if (query !== undefined && !withQuery.has(handler)) throw keepmgrProblem('api/path-unknown');
  if (!withBody.has(handler)) refuseBody(request);
  return handler(subject, { request, number, caller, id, query: query ?? '' });
}

/**
 * The id in a path, the path without it, and what follows a question mark. Only the canonical spelling counts: nothing is
 * decoded, normalised or stripped, so no other spelling of a path leads anywhere.
 *
 * @throws EnarxError `api/path-unknown`
 */
export function parsePath(url: string): { path: string; id: Uint8Array; query: string | undefined } {
  const mark = url.indexOf('?');
  const query = mark < 0 ? undefined : url.slice(mark + 1);
  const whole = mark < 0 ? url : url.slice(0, mark);
  if (query === '') throw keepmgrProblem('api/path-unknown');
  const [, text, rest = ''] = /^\/v1\/keeps\/([^/]+)(\/[a-z]+)?$/.exec(whole) ?? [];
  if (text === undefined) {
    if (!Object.hasOwn(routes, whole) || whole.includes('ID')) throw keepmgrProblem('api/path-unknown');
    return { path: whole, id: new Uint8Array(0), query };
  }
  const id = parseKeepId(text);
  const path = `/v1/keeps/ID${rest}`;
  if (id === undefined || !Object.hasOwn(routes, path)) throw keepmgrProblem('api/path-unknown');
  return { path, id, query };
}

/**
 * The Keep, if the caller may know of it. Another tenant's is as unknown as one that never was.
 * @throws EnarxError `keep/unknown`
 */
export function keepFor({ keeps }: ApiSubject, id: Uint8Array, { tenant, operator }: Caller): Keep {
  const keep = keeps.find(id);
  if (keep === undefined || (!operator && keep.belonging.tenant !== tenant))
    throw keepmgrProblem('keep/unknown');
  return keep;
}

/** The daemon answers, so it lives. */
function health(): Reply {
  return text('ok\n');
}

/** Whether a Keep that is asked for now would be made. */
async function readiness({ obstacles }: ApiSubject): Promise<Reply> {
  const found = await obstacles();
  return found.length === 0 ? text('ok\n') : { ...text(`${found.join('\n')}\n`), status: 503 };
}

async function metrics({ scrape }: ApiSubject, { caller }: Asking): Promise<Reply> {
  refuseTenants(caller);
  return text(await scrape(), 'text/plain; version=0.0.4; charset=utf-8');
}

function text(content: string, type = 'text/plain; charset=utf-8'): Reply {
  return { status: 200, body: new TextEncoder().encode(content), headers: { 'content-type': type } };
}

async function info({ keeps, release, platform: probe }: ApiSubject): Promise<Reply> {
  const tees = (await probe()).filter(({ usable }) => usable).map(({ tee }) => tee);
  return reply(managerInfo, {
    protocol: protocolVersion,
    release,
    tees,
    ...(keeps.cordoned ? { cordoned: true } : {}),
  });
}

async function platform({ keeps, release, platform: probe }: ApiSubject, { caller }: Asking): Promise<Reply> {
  const backends = await probe();
  // How many wait says what others do, so it is for operators.
  return reply(platformMessage, {
    release,
    backends: caller.operator ? withPool(backends, keeps) : backends,
  });
}

function withPool(backends: Platform['backends'], keeps: Keeps): Platform['backends'] {
  const { pool } = keeps.gauges();
  return backends.map((backend) => {
    const { wanted = 0, ready = 0 } = pool.find(({ tee }) => tee === backend.tee) ?? {};
    if (wanted === 0) return backend;
    const found = `${String(ready)} of ${String(wanted)} Keeps are ready`;
    return { ...backend, probes: [...backend.probes, { id: 'pool', pass: true, found }] };
  });
}

function list(subject: ApiSubject, { caller, query }: Asking): Reply {
  const { state, tee, after, limit } = parseListQuery(query);
  const { keeps } = subject;
  const found = [];
  // Where a Keep stood that was forgotten nobody knows; an empty page would look like the last one.
  const cursor = after === undefined ? undefined : keepFor(subject, after, caller);
  let begun = cursor === undefined;
  for (const keep of keeps.list()) {
    if (
      begun &&
      visible(keep, caller) &&
      (state ?? keep.state) === keep.state &&
      (tee ?? keep.tee) === keep.tee
    )
      found.push(keep.summary());
    if (found.length === limit) break;
    begun ||= keep === cursor;
  }
  return reply(keepList, found);
}

async function changes({ changes: all }: ApiSubject, { caller, query, request }: Asking): Promise<Reply> {
  const after = parseChangesQuery(query);
  const tenant = caller.operator ? undefined : caller.tenant;
  const deadline = performance.now() + longestWatch;
  for (;;) {
    const { cursor, reset, keeps, removed } = all.since(after, tenant);
    const remaining = deadline - performance.now();
    if (reset || keeps.length + removed.length > 0 || remaining <= 0 || request.socket.destroyed) {
      return reply(keepChanges, {
        cursor,
        reset,
        keeps: keeps.map((keep) => keep.summary()),
        removed: [...removed],
      });
    }
    await all.next(remaining);
  }
}

function visible(keep: Keep, { tenant, operator }: Caller): boolean {
  return operator || keep.belonging.tenant === tenant;
}

async function create(subject: ApiSubject, { request, caller, number }: Asking): Promise<Reply> {
  const wanted = await readMessage(request, createKeep, subject.limits.bodyTime);
  const lease = grantable(wanted.lease, caller);
  const { keep, fresh } = await subject.keeps.create({ ...wanted, caller, lease, number });
  return {
    ...reply(keepMessage, keep.summary(), fresh ? 201 : 200),
    headers: { location: `/v1/keeps/${formatKeepId(keep.id)}` },
  };
}

/** @throws EnarxError `keep/lease-too-long` */
function grantable(lease: number | undefined, { quota: { longestLease } }: Caller): number | undefined {
  if (longestLease === undefined) return lease;
  if (lease !== undefined && lease > longestLease)
    throw keepmgrProblem('keep/lease-too-long', { expected: `at most ${String(longestLease)} ms` });
  return lease ?? longestLease;
}

function show(subject: ApiSubject, { id, caller }: Asking): Reply {
  return summary(keepFor(subject, id, caller));
}

async function log(subject: ApiSubject, { id, caller }: Asking): Promise<Reply> {
  return reply(keepLog, await keepFor(subject, id, caller).log());
}

async function renew(subject: ApiSubject, { id, caller, number, request }: Asking): Promise<Reply> {
  const keep = keepFor(subject, id, caller);
  const { lease } = await readMessage(request, renewKeep, subject.limits.bodyTime);
  subject.keeps.renew(keep, grantable(lease, caller) ?? lease, caller, number);
  return summary(keep);
}

async function stop(subject: ApiSubject, { id, caller, number }: Asking): Promise<Reply> {
  const keep = keepFor(subject, id, caller);
  await keep.stop(number);
  return summary(keep);
}

async function remove(subject: ApiSubject, { id, caller, number }: Asking): Promise<Reply> {
  await subject.keeps.remove(keepFor(subject, id, caller), number);
  return { status: 204 };
}

async function cordon(subject: ApiSubject, { caller, number }: Asking): Promise<Reply> {
  refuseTenants(caller);
  subject.keeps.cordon(true, number);
  return info(subject);
}

async function uncordon(subject: ApiSubject, { caller, number }: Asking): Promise<Reply> {
  refuseTenants(caller);
  subject.keeps.cordon(false, number);
  return info(subject);
}

async function drain(subject: ApiSubject, { caller, number }: Asking): Promise<Reply> {
  refuseTenants(caller);
  await subject.keeps.drain(number);
  return info(subject);
}

async function support(subject: ApiSubject, { caller }: Asking): Promise<Reply> {
  refuseTenants(caller);
  return reply(supportBundle, { json: await subject.support() });
}

/** @throws EnarxError `api/operators-only` */
function refuseTenants({ operator }: Caller): void {
  if (!operator) throw keepmgrProblem('api/operators-only');
}

function withoutUpgrade(): Reply {
  throw keepmgrProblem('api/upgrade-required');
}

function summary(keep: Keep): Reply {
  return reply(keepMessage, keep.summary());
}
