// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';

import {
  createKeep,
  formatKeepId,
  keep as keepMessage,
  keepList,
  keepLog,
  managerInfo,
  parseKeepId,
  platform as platformMessage,
  protocolVersion,
  type CreateKeep,
  type Platform,
} from '@enarx/protocol';

import type { Keep, LaunchDetails } from '../keeps/keep.ts';
import type { Keeps } from '../keeps/keeps.ts';
import type { Limits } from '../limits.ts';
import { keepmgrProblem } from '../problems.ts';
import { readMessage, refuseBody } from './body.ts';
import { reply, type Reply } from './reply.ts';

/** What the API is about. */
export interface ApiSubject {
  readonly keeps: Keeps;
  readonly limits: Limits;
  readonly release: string;
  /** What this host can do, probed once. */
  readonly platform: () => Promise<Platform['backends']>;
  /** What a launch of this kind needs. */
  readonly launchDetails: (request: CreateKeep) => Promise<LaunchDetails>;
}

type Handler = (subject: ApiSubject, request: IncomingMessage, id: Uint8Array) => Promise<Reply> | Reply;

/** Paths below /v1, with `ID` for a Keep id, and what each does for which method. docs/architecture.md has the same list. */
const routes: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/v1/': { GET: info },
  '/v1/platform': { GET: platform },
  '/v1/keeps': { GET: list, POST: create },
  '/v1/keeps/ID': { GET: show, DELETE: remove },
  '/v1/keeps/ID/log': { GET: log },
  '/v1/keeps/ID/stop': { POST: stop },
  '/v1/keeps/ID/channel': { GET: channelWithoutUpgrade },
  '/v1/keeps/ID/launch': { GET: channelWithoutUpgrade },
};

/** @throws EnarxError `api/…`, `keep/…` and whatever the request runs into */
export async function route(subject: ApiSubject, request: IncomingMessage): Promise<Reply> {
  const { path, id } = parsePath(request.url ?? '');
  const methods = routes[path];
  if (methods === undefined) throw keepmgrProblem('api/path-unknown');
  const handler = Object.hasOwn(methods, request.method ?? '') ? methods[request.method ?? ''] : undefined;
  if (handler === undefined)
    throw keepmgrProblem('api/method-unknown', { expected: Object.keys(methods).join(' or ') });
  if (handler !== create) refuseBody(request);
  return handler(subject, request, id);
}

/**
 * The id in a path and the path without it. Only the canonical spelling counts: nothing is decoded, normalised or
 * stripped, so no other spelling of a path leads anywhere.
 *
 * @throws EnarxError `api/path-unknown`
 */
export function parsePath(url: string): { path: string; id: Uint8Array } {
  const [, text, rest = ''] = /^\/v1\/keeps\/([^/]+)(\/[a-z]+)?$/.exec(url) ?? [];
  if (text === undefined) {
    if (!Object.hasOwn(routes, url)) throw keepmgrProblem('api/path-unknown');
    return { path: url, id: new Uint8Array(0) };
  }
  const id = parseKeepId(text);
  const path = `/v1/keeps/ID${rest}`;
  if (id === undefined || !Object.hasOwn(routes, path)) throw keepmgrProblem('api/path-unknown');
  return { path, id };
}

async function info({ release, platform: probe }: ApiSubject): Promise<Reply> {
  const tees = (await probe()).filter(({ usable }) => usable).map(({ tee }) => tee);
  return reply(managerInfo, { protocol: protocolVersion, release, tees });
}

async function platform({ release, platform: probe }: ApiSubject): Promise<Reply> {
  return reply(platformMessage, { release, backends: await probe() });
}

function list({ keeps }: ApiSubject): Reply {
  return reply(
    keepList,
    keeps.list().map((keep) => keep.summary()),
  );
}

async function create(subject: ApiSubject, request: IncomingMessage): Promise<Reply> {
  const wanted = await readMessage(request, createKeep, subject.limits.bodyTime);
  const keep = await subject.keeps.create(wanted.tee, () => subject.launchDetails(wanted));
  return {
    ...reply(keepMessage, keep.summary(), 201),
    headers: { location: `/v1/keeps/${formatKeepId(keep.id)}` },
  };
}

function show({ keeps }: ApiSubject, _request: IncomingMessage, id: Uint8Array): Reply {
  return summary(keeps.get(id));
}

function log({ keeps }: ApiSubject, _request: IncomingMessage, id: Uint8Array): Reply {
  return reply(keepLog, keeps.get(id).log());
}

async function stop({ keeps }: ApiSubject, _request: IncomingMessage, id: Uint8Array): Promise<Reply> {
  const keep = keeps.get(id);
  await keep.stop();
  return summary(keep);
}

async function remove({ keeps }: ApiSubject, _request: IncomingMessage, id: Uint8Array): Promise<Reply> {
  await keeps.remove(keeps.get(id));
  return { status: 204 };
}

function channelWithoutUpgrade(): Reply {
  throw keepmgrProblem('api/upgrade-required');
}

function summary(keep: Keep): Reply {
  return reply(keepMessage, keep.summary());
}
