// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '@enarx/protocol';

import type { JsonObject, Json } from './json.ts';
import { list, malformed, object, objectOf, octets, oneOf, text, texts, time, whole } from './json-values.ts';
import { moduleStatuses, platformStatuses, type ModuleStatus, type PlatformStatus } from './tcb-status.ts';

/** Dates and number that every document of Intel’s has. */
export interface Dated {
  /** Milliseconds since 1970. */
  readonly issueDate: number;
  readonly nextUpdate: number;
  /** Counts up with each set of advisories that Intel has looked at; an older, still valid set has a lower number. */
  readonly evaluationNumber: number;
}

export interface TcbLevel {
  /** 16 each; of the TDX module and its loader only in TCB info of TDX. */
  readonly sgxComponents: readonly number[];
  readonly tdxComponents: readonly number[];
  readonly pceSvn: number;
  readonly status: PlatformStatus;
  /** When Intel last changed its mind about the level, in milliseconds since 1970. */
  readonly date: number;
  readonly advisories: readonly string[];
}

/** Who signs a TDX module and with which attributes it runs. */
export interface TdxModule {
  /** 48. */
  readonly mrSigner: Uint8Array;
  /** 8 each. */
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
}

export interface SvnLevel<S> {
  readonly isvSvn: number;
  readonly status: S;
  readonly date: number;
  readonly advisories: readonly string[];
}

export interface TdxModuleIdentity extends TdxModule {
  /** `TDX_03` for the version 3, upper case. */
  readonly id: string;
  /** Highest SVN first. */
  readonly levels: readonly SvnLevel<ModuleStatus>[];
}

/** What Intel says of the security versions of one family of platforms (PCS API, “TCB info”), version 2 or 3. */
export interface TcbInfo extends Dated {
  readonly tee: 'sgx' | 'tdx';
  readonly version: 2 | 3;
  /** 6. */
  readonly fmspc: Uint8Array;
  /** 2. */
  readonly pceId: Uint8Array;
  /** For modules of version 0; of TDX only. */
  readonly tdxModule: TdxModule | undefined;
  /** `undefined` where the document has no such list. */
  readonly tdxModuleIdentities: readonly TdxModuleIdentity[] | undefined;
  /** In the order in which they are to be tried: highest first, whatever order they came in. */
  readonly levels: readonly TcbLevel[];
}

const most = 256;

/** @throws EnarxError `intel/collateral-malformed` */
export function readTcbInfo(content: JsonObject): TcbInfo {
  const version = whole(content, 'version', 255);
  if (version !== 2 && version !== 3) throw malformed(`TCB info of version ${String(version)}`, '2 or 3');
  // Version 2 was made when there was only SGX, and does not say so.
  const tee = version === 2 ? 'sgx' : oneOf(content, 'id', ['SGX', 'TDX'] as const) === 'SGX' ? 'sgx' : 'tdx';
  // The only one that is defined; another would compare versions in another way.
  whole(content, 'tcbType', 0);
  return {
    tee,
    version,
    ...readDates(content),
    fmspc: octets(content, 'fmspc', 6),
    pceId: octets(content, 'pceId', 2),
    ...readModules(content, tee),
    levels: readLevels(content, version, tee),
  };
}

/** As strict as Intel’s library: TCB info of SGX names no module, and a list of identities has one at least (TcbInfo.cpp). */
function readModules(
  content: JsonObject,
  tee: 'sgx' | 'tdx',
): Pick<TcbInfo, 'tdxModule' | 'tdxModuleIdentities'> {
  const listed = content.has('tdxModuleIdentities');
  if (tee === 'sgx') {
    if (listed || content.has('tdxModule')) throw malformed('a TDX module in TCB info of SGX');
    return { tdxModule: undefined, tdxModuleIdentities: undefined };
  }
  const identities = listed ? list(content, 'tdxModuleIdentities', most).map(readModuleIdentity) : undefined;
  if (identities?.length === 0) throw malformed('tdxModuleIdentities that is empty');
  return { tdxModule: readModule(object(content, 'tdxModule')), tdxModuleIdentities: identities };
}

export function readDates(content: JsonObject): Dated {
  return {
    issueDate: time(content, 'issueDate'),
    nextUpdate: time(content, 'nextUpdate'),
    evaluationNumber: whole(content, 'tcbEvaluationDataNumber', 0xffff_ffff),
  };
}

function readLevels(content: JsonObject, version: 2 | 3, tee: 'sgx' | 'tdx'): readonly TcbLevel[] {
  const levels = list(content, 'tcbLevels', most).map((value): TcbLevel => {
    const level = objectOf(value, 'tcbLevels');
    const tcb = object(level, 'tcb');
    return {
      sgxComponents: version === 2 ? numberedComponents(tcb) : components(tcb, 'sgxtcbcomponents'),
      tdxComponents: tee === 'tdx' ? components(tcb, 'tdxtcbcomponents') : [],
      pceSvn: whole(tcb, 'pcesvn', 0xffff),
      ...readStatus(level, platformStatuses),
    };
  });
  return descending(levels, compareLevels);
}

/**
 * As Intel’s library sorts them: by SGX components, then PCESVN, then TDX components, each from the first one on. The order of the
 * document is not signed for to mean anything, and whoever trusts it may take a lower level for the platform’s.
 */
function compareLevels(a: TcbLevel, b: TcbLevel): number {
  return (
    compareNumbers(a.sgxComponents, b.sgxComponents) ||
    a.pceSvn - b.pceSvn ||
    compareNumbers(a.tdxComponents, b.tdxComponents)
  );
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  return compareBytes(Uint8Array.from(a), Uint8Array.from(b));
}

/** Highest first. Two levels for the same versions would leave it to chance which counts. */
function descending<L>(levels: readonly L[], compare: (a: L, b: L) => number): readonly L[] {
  if (levels.length === 0) throw malformed('no level in tcbLevels');
  const sorted = levels.toSorted((a, b) => compare(b, a));
  for (const [index, level] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next !== undefined && compare(level, next) === 0)
      throw malformed('the same level twice in tcbLevels');
  }
  return sorted;
}

function components(tcb: JsonObject, name: string): readonly number[] {
  const values = list(tcb, name, 16);
  if (values.length !== 16) throw malformed(`${String(values.length)} ${name}`, '16');
  return values.map((value) => whole(objectOf(value, name), 'svn', 0xff));
}

function numberedComponents(tcb: JsonObject): readonly number[] {
  return Array.from({ length: 16 }, (_, index) =>
    whole(tcb, `sgxtcbcomp${String(index + 1).padStart(2, '0')}svn`, 0xff),
  );
}

function readStatus<S extends string>(
  level: JsonObject,
  known: readonly S[],
): { readonly status: S; readonly date: number; readonly advisories: readonly string[] } {
  return {
    status: oneOf(level, 'tcbStatus', known),
    date: time(level, 'tcbDate'),
    advisories: texts(level, 'advisoryIDs'),
  };
}

/** Levels that one SVN decides, as quoting enclaves and TDX modules have. */
export function readSvnLevels<S extends string>(
  content: JsonObject,
  known: readonly S[],
  compare: (a: SvnLevel<S>, b: SvnLevel<S>) => number,
): readonly SvnLevel<S>[] {
  const levels = list(content, 'tcbLevels', most).map((value): SvnLevel<S> => {
    const level = objectOf(value, 'tcbLevels');
    return { isvSvn: whole(object(level, 'tcb'), 'isvsvn', 0xffff), ...readStatus(level, known) };
  });
  return descending(levels, compare);
}

function readModule(content: JsonObject): TdxModule {
  return {
    mrSigner: octets(content, 'mrsigner', 48),
    attributes: octets(content, 'attributes', 8),
    attributesMask: octets(content, 'attributesMask', 8),
  };
}

function readModuleIdentity(value: Json): TdxModuleIdentity {
  const content = objectOf(value, 'tdxModuleIdentities');
  return {
    id: text(content, 'id').toUpperCase(),
    ...readModule(content),
    levels: readSvnLevels(content, moduleStatuses, (a, b) => a.isvSvn - b.isvSvn),
  };
}
