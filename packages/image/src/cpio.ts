// SPDX-License-Identifier: Apache-2.0

/** One entry of an initial file system. Paths are relative, without a leading slash. */
export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode?: number; readonly content: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'device';
      readonly path: string;
      readonly mode?: number;
      readonly device: readonly [major: number, minor: number];
    };

const text = new TextEncoder();
const trailer = 'TRAILER!!!';
const fileTypes = { directory: 0o040000, file: 0o100000, link: 0o120000, device: 0o020000 } as const;
const defaultModes = { directory: 0o755, file: 0o644, link: 0o777, device: 0o600 } as const;
const empty = new Uint8Array(0);

/**
 * A cpio archive in the "newc" format that Linux unpacks as its initial file system
 * (Documentation/driver-api/early-userspace/buffer-format.rst). The same entries give the same bytes whatever their
 * order: sorted by path, numbered from one, owned by root, dated 1970.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array[] {
  const sorted = entries.toSorted((a, b) => Buffer.compare(text.encode(a.path), text.encode(b.path)));
  const parts: Uint8Array[] = [];
  sorted.forEach((entry, index) => {
    parts.push(...cpioEntry(entry, index + 1));
  });
  parts.push(...record({ path: trailer, inode: 0, mode: 0, links: 1, content: empty, device: [0, 0] }));
  // The kernel skips zeros between archives; a whole number of pages lets the loader copy the file as it is.
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  parts.push(new Uint8Array((4096 - (length % 4096)) % 4096));
  return parts;
}

function cpioEntry(entry: CpioEntry, inode: number): Uint8Array[] {
  const { kind, path } = entry;
  const permissions = ('mode' in entry ? entry.mode : undefined) ?? defaultModes[kind];
  return record({
    path,
    inode,
    mode: fileTypes[kind] | permissions,
    links: kind === 'directory' ? 2 : 1,
    content: kind === 'file' ? entry.content : kind === 'link' ? text.encode(entry.target) : empty,
    device: kind === 'device' ? entry.device : [0, 0],
  });
}

interface CpioRecord {
  readonly path: string;
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly content: Uint8Array;
  readonly device: readonly [major: number, minor: number];
}

function record({ path, inode, mode, links, content, device }: CpioRecord): Uint8Array[] {
  const name = text.encode(`${path}\0`);
  const owner = 0;
  const modified = 0;
  const fields = [
    inode,
    mode,
    owner,
    owner,
    links,
    modified,
    content.length,
    0,
    0,
    ...device,
    name.length,
    0,
  ];
  const head = text.encode(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [head, name, padding(head.length + name.length), content, padding(content.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
