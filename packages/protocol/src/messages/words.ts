// SPDX-License-Identifier: Apache-2.0
//
// Words that several messages share.
import * as v from 'valibot';

/** The one version of the protocol. It is the first path segment of the manager's API and part of both upgrade tokens. */
export const protocolVersion = 1;

export const bytes = (length: number): v.GenericSchema<Uint8Array> =>
  v.pipe(
    v.instance(Uint8Array),
    v.check((value) => value.length === length, `${String(length)} bytes`),
  );
export const bytesUpTo = (length: number): v.GenericSchema<Uint8Array> =>
  v.pipe(
    v.instance(Uint8Array),
    v.check((value) => value.length <= length, `at most ${String(length)} bytes`),
  );
/** At most so many bytes of UTF-8, as `.size` in CDDL counts them. */
export const text = (length: number): v.GenericSchema<string> =>
  v.pipe(
    v.string(),
    v.check((value) => value.isWellFormed(), 'text without half surrogate pairs'),
    v.maxBytes(length),
  );
export const uint: v.GenericSchema<number> = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const positive: v.GenericSchema<number> = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
export const texts = (count: number, length: number): v.GenericSchema<string[]> =>
  v.pipe(v.array(text(length)), v.maxLength(count));

/** Ways to confine a guest that runs as a process, strongest first. */
export const sandboxes = ['bubblewrap', 'setpriv', 'plain'] as const;
export type Sandbox = (typeof sandboxes)[number];

export const tees = ['sim', 'sim-sev', 'snp', 'sev', 'sev-es', 'sgx', 'tdx', 'vm'] as const;
export type Tee = (typeof tees)[number];

/** Kinds whose owner makes the key and takes part in the launch. */
export function hasLaunchSecret(kind: Tee): boolean {
  return kind === 'sim-sev' || kind === 'sev' || kind === 'sev-es';
}

/** launching → ready → claimed → running → exited, and failed from any of them but exited. */
export const keepStates = ['launching', 'ready', 'claimed', 'running', 'exited', 'failed'] as const;
export type KeepState = (typeof keepStates)[number];

export const keepId = bytes(16);
export const tee = v.picklist(tees);
export const keepState = v.picklist(keepStates);
export const sandbox = v.picklist(sandboxes);
export const path = text(4096);

/** 0 only where any free port will do. */
export const port = v.pipe(uint, v.maxValue(65_535));
export const definitePort = v.pipe(port, v.minValue(1));
/** Not checked for being a name: whoever looks it up says that it is none. */
export const hostName = v.pipe(
  text(253),
  v.check((name) => name !== '', 'a name'),
);
/** Number of a descriptor of the program. */
export const descriptor = v.pipe(uint, v.maxValue(1023));

/** All of it may be left out, and `strictObject` would take an empty array or byte string for a map without entries. */
export const optionalEntries = <T>(entries: v.GenericSchema<T>): v.GenericSchema<T> =>
  v.pipe(v.custom<T>(isMap, 'a map'), entries);

function isMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

export const resources = optionalEntries(
  v.strictObject({
    /** MiB. */
    memory: v.optional(v.pipe(uint, v.minValue(256), v.maxValue(1_048_576))),
    vcpus: v.optional(v.pipe(uint, v.minValue(1), v.maxValue(512))),
  }),
);
/** What a machine is given. */
export type Resources = v.InferOutput<typeof resources>;
/** Leader of a process group: id, and start time in clock ticks since boot, which tells it from a later process with the same id. */
export const processReference = v.strictTuple([positive, uint]);

/** Number of a request to the API, the host's own: what one request brought about is told by it in every log of the host. */
export const requestNumber = bytes(8);

export const logEntryEntries = {
  time: uint,
  /** What `wasmldr` says comes over its device, in words that the protocol has for it. */
  source: v.picklist(['keepmgr', 'keepldr', 'wasmldr']),
  event: text(64),
  detail: v.optional(text(512)),
  /** The request that brought it about. */
  request: v.optional(requestNumber),
};
