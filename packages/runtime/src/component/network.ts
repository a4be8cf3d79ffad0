// SPDX-License-Identifier: Apache-2.0
//
// Where a component may listen and connect to: what its list of descriptors names, and nothing else. Preview 1 programs find these descriptors ready-made; a
// component asks for them by name and port, as often as it likes.
import { isIP } from 'node:net';

import type { DialRefusal } from '../runner-frames.ts';
import type { Run } from '../runner-messages.ts';
import type { Connection } from '../wasi/connection.ts';
import type { Listener } from '../wasi/listener.ts';

type File = Run['files'][number];
export type ListenFile = Extract<File, { readonly kind: 'listen' }>;

/** A connection that was asked for. */
export interface Dialling {
  /** `undefined` until it is known. */
  readonly outcome: Connection | DialRefusal | undefined;
  /** It is not wanted any more. */
  cancel(): void;
}

export interface NetworkParts {
  readonly files: readonly File[];
  readonly listeners: ReadonlyMap<number, Listener>;
  /** Those that were made before the program started. */
  readonly connections: ReadonlyMap<number, Connection>;
  dial(file: number, done: (outcome: Connection | DialRefusal) => void): void;
}

/** First of the addresses that stand for names; a network of RFC 2544, which leads nowhere. */
const standIns = [198, 18, 0, 0] as const;

export class ComponentNetwork {
  readonly #parts: NetworkParts;
  readonly #fresh: Map<number, Connection>;
  /** Names of the list that are no addresses, each with one that stands for it. */
  readonly #names: readonly string[];
  readonly #taken = new Set<number>();

  constructor(parts: NetworkParts) {
    this.#parts = parts;
    this.#fresh = new Map(parts.connections);
    const hosts = parts.files.flatMap((file) => (file.kind === 'connect' ? [hostOf(file.host)] : []));
    this.#names = [...new Set(hosts)].filter((host) => isIP(host) === 0);
  }

  /** All listeners, with what the list says of them. */
  get listeners(): readonly (readonly [file: ListenFile, listener: Listener])[] {
    return [...this.#parts.listeners].map(
      ([number, listener]) => [this.#parts.files[number] as ListenFile, listener] as const,
    );
  }

  /** The listener for a port; each is given once. */
  listen(port: number): { readonly file: ListenFile; readonly listener: Listener } | undefined {
    for (const [number, listener] of this.#parts.listeners) {
      const file = this.#parts.files[number] as ListenFile;
      if (file.port !== port || this.#taken.has(number)) continue;
      this.#taken.add(number);
      return { file, listener };
    }
    return undefined;
  }

  /** Addresses of a name: those of an address are itself, those of a name of the list one that stands for it. */
  addressesOf(name: string): readonly string[] {
    const host = hostOf(name);
    if (isIP(host) !== 0) return [host];
    const index = this.#names.indexOf(host);
    return index < 0 ? [] : [standIn(index)];
  }

  /** The descriptor that leads to a name or an address. @param tls - whether the Keep speaks TLS on it; either where it is left out */
  find(host: string, port: number, tls?: boolean): number | undefined {
    const wanted = hostOf(host);
    const index = this.#names.findIndex((_name, at) => standIn(at) === wanted);
    const name = this.#names[index] ?? wanted;
    const found = this.#parts.files.findIndex(
      (file) =>
        file.kind === 'connect' &&
        hostOf(file.host) === name &&
        file.port === port &&
        (tls === undefined || file.tls === tls),
    );
    return found < 0 ? undefined : found;
  }

  /** A connection to where a descriptor leads: the one that was made at the start if it still stands, or another. */
  dial(number: number, done: () => void): Dialling {
    const fresh = this.#fresh.get(number);
    this.#fresh.delete(number);
    if (fresh?.whole === true) return { outcome: fresh, cancel: () => undefined };
    fresh?.close();
    let outcome: Connection | DialRefusal | undefined;
    let wanted = true;
    this.#parts.dial(number, (found) => {
      if (!wanted) {
        if (typeof found !== 'string') found.close();
        return;
      }
      outcome = found;
      done();
    });
    return {
      get outcome() {
        return outcome;
      },
      cancel: () => {
        wanted = false;
      },
    };
  }
}

function standIn(index: number): string {
  const [first, second] = standIns;
  return [first, second, (index + 1) >> 8, (index + 1) & 0xff].join('.');
}

/** One spelling for each. */
function hostOf(name: string): string {
  const lower = name.toLowerCase();
  if (isIP(lower) === 6) return new URL(`http://[${lower}]/`).hostname.slice(1, -1);
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
