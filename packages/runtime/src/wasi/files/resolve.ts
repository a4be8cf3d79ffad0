// SPDX-License-Identifier: Apache-2.0
import { longestName } from '../../runner-frames.ts';
import { fail } from '../errno.ts';
import { DirectoryNode, SymlinkNode, type Node } from './nodes.ts';

/** Symbolic links on one way. */
const mostLinks = 40;

/**
 * What becomes of a symbolic link at the end of a path. A slash behind it asks for what it points to, except where a name is made or removed: there the link
 * itself is meant, and the slash is refused.
 */
export type AtEnd = 'follow' | 'keep' | 'keep-with-slash';

/** Where a path leads. */
export interface Place {
  readonly directory: DirectoryNode;
  /** The last component, or `undefined` when that is `.` or `..`: such a path names a directory, but no entry. */
  readonly name: string | undefined;
  readonly node: Node | undefined;
  /** The path ends with a slash, so that only a directory will do. */
  readonly slash: boolean;
}

/**
 * Walks a path from a directory, which it cannot leave: not by `..`, not by a symbolic link, not by a slash at the beginning.
 * Ends the call with `noent`, `notdir`, `loop`, `nametoolong`, or `notcapable` for a way that leads out.
 */
export function resolve(root: DirectoryNode, path: string, atEnd: AtEnd): Place {
  // Most paths are one plain name.
  const plain = !path.includes('/') && path !== '' && path !== '.' && path !== '..';
  if (plain) {
    const node = root.get(checkName(path));
    if (!(node instanceof SymlinkNode) || atEnd !== 'follow')
      return { directory: root, name: path, node, slash: false };
  }
  return new Walk(root, path, atEnd).run();
}

class Walk {
  readonly #atEnd: AtEnd;
  /** The way down from the root. `..` goes back on it, so nothing has to know its parent, and a directory that is moved meanwhile changes nothing. */
  readonly #way: DirectoryNode[];
  /** Components still to go, the next one last. */
  readonly #pending: string[] = [];
  #slash: boolean;
  #links = 0;

  constructor(root: DirectoryNode, path: string, atEnd: AtEnd) {
    this.#atEnd = atEnd;
    this.#way = [root];
    this.#slash = path.endsWith('/');
    this.#push(path);
  }

  run(): Place {
    for (;;) {
      const name = this.#pending.pop();
      if (name === undefined) break;
      const last = this.#pending.length === 0;
      if (name === '..') this.#up();
      if (name === '.' || name === '..') continue;
      const directory = this.#here;
      const node = directory.get(checkName(name));
      if (node instanceof SymlinkNode && (!last || this.#followsLast)) {
        this.#follow(node, last);
        continue;
      }
      if (last) return { directory, name, node, slash: this.#slash };
      if (node === undefined) fail('noent');
      if (!(node instanceof DirectoryNode)) fail('notdir');
      this.#way.push(node);
    }
    return { directory: this.#here, name: undefined, node: this.#here, slash: this.#slash };
  }

  get #here(): DirectoryNode {
    return this.#way[this.#way.length - 1] as DirectoryNode;
  }

  get #followsLast(): boolean {
    return this.#atEnd === 'follow' || (this.#atEnd === 'keep' && this.#slash);
  }

  #up(): void {
    if (this.#way.length === 1) fail('notcapable');
    this.#way.pop();
  }

  #follow(link: SymlinkNode, last: boolean): void {
    this.#links += 1;
    if (this.#links > mostLinks) fail('loop');
    if (last && link.target.endsWith('/')) this.#slash = true;
    this.#push(link.target);
  }

  #push(path: string): void {
    if (path === '') fail('noent');
    if (path.startsWith('/')) fail('notcapable');
    const names = path.split('/');
    for (let i = names.length - 1; i >= 0; i -= 1) {
      const name = names[i] as string;
      if (name !== '') this.#pending.push(name);
    }
  }
}

function checkName(name: string): string {
  // A UTF-16 unit is at most three bytes of UTF-8.
  if (name.length > longestName / 3 && Buffer.byteLength(name) > longestName) fail('nametoolong');
  return name;
}
