// SPDX-License-Identifier: Apache-2.0
//
// Records of wasi:filesystem 0.2, made of what files know of themselves.
import { filetype, type Filetype, type Status } from '../wasi/descriptor.ts';
import { fail } from '../wasi/errno.ts';
import { datetime, type Datetime } from './cli.ts';

export type Type = 'unknown' | 'directory' | 'symbolic-link' | 'regular-file';
export type NewTimestamp =
  | { readonly tag: 'no-change' }
  | { readonly tag: 'now' }
  | { readonly tag: 'timestamp'; readonly val: Datetime };

const types: Readonly<Partial<Record<Filetype, Type>>> = {
  [filetype.directory]: 'directory',
  [filetype.regularFile]: 'regular-file',
  [filetype.symbolicLink]: 'symbolic-link',
};

const nanosecondsPerSecond = 1_000_000_000n;
const nanosecondsPerMillisecond = 1_000_000n;
/** Multiplier of 64-bit FNV, which spreads inode numbers over the whole word. */
const spread = 0x100_0000_01b3n;

export interface Stat {
  readonly type: Type;
  readonly linkCount: bigint;
  readonly size: bigint;
  readonly dataAccessTimestamp: Datetime;
  readonly dataModificationTimestamp: Datetime;
  readonly statusChangeTimestamp: Datetime;
}

export interface MetadataHash {
  readonly lower: bigint;
  readonly upper: bigint;
}

export function typeOf(type: Filetype): Type {
  return types[type] ?? 'unknown';
}

export function timeOf(stamp: NewTimestamp): number | bigint | undefined {
  switch (stamp.tag) {
    case 'no-change':
      return undefined;
    case 'now':
      return Date.now();
    case 'timestamp': {
      const nanoseconds = stamp.val.seconds * nanosecondsPerSecond + BigInt(stamp.val.nanoseconds);
      // As many as preview 1 can show, which shares these files.
      return nanoseconds > 0xffff_ffff_ffff_ffffn ? fail('inval') : nanoseconds;
    }
  }
}

export function statOf({ filetype: type, links, size, accessed, modified, changed }: Status): Stat {
  return {
    type: typeOf(type),
    linkCount: BigInt(links),
    size: BigInt(size),
    dataAccessTimestamp: timestamp(accessed),
    dataModificationTimestamp: timestamp(modified),
    statusChangeTimestamp: timestamp(changed),
  };
}

function timestamp(time: number | bigint): Datetime {
  return datetime(typeof time === 'bigint' ? time : BigInt(time) * nanosecondsPerMillisecond);
}

/** Guests take it for what `st_dev` and `st_ino` are: the same for the same object, another one for any other. */
export function hashOf({ device, ino }: Status): MetadataHash {
  const mixed = (BigInt(ino) ^ 0xcbf2_9ce4_8422_2325n) * spread;
  return { lower: BigInt.asUintN(64, mixed), upper: BigInt(device) };
}
