// SPDX-License-Identifier: Apache-2.0
import { ComponentNetwork } from '../../src/component/network.ts';
import type { ComponentHost } from '../../src/component/host.ts';
import type { Descriptor } from '../../src/wasi/descriptor.ts';
import { DescriptorTable } from '../../src/wasi/descriptor-table.ts';
import { Directory } from '../../src/wasi/files/directory.ts';
import { FileSystem } from '../../src/wasi/files/file-system.ts';
import { Idle } from '../../src/wasi/idle.ts';
import { InputStream } from '../../src/wasi/input-stream.ts';
import { changingRights, directoryRights, fileRights } from '../../src/wasi/rights.ts';

export interface HostOptions {
  /** Bytes that files may hold. */
  readonly bytes?: number;
  readonly descriptors?: number;
  /** Whether the one directory may only be read. */
  readonly readonly?: boolean;
  readonly args?: readonly string[];
  /** Descriptors between standard input and the directory. */
  readonly outputs?: readonly Descriptor[];
  readonly network?: Partial<ConstructorParameters<typeof ComponentNetwork>[0]>;
}

/** What stands behind the interfaces of a component, with nobody behind that. */
export function hostOf({
  bytes = 65_536,
  descriptors = 16,
  readonly = false,
  args = [],
  outputs = [],
  network = {},
}: HostOptions) {
  const files = new FileSystem({ bytes, inodes: 64 });
  const allowed = readonly ? ~changingRights : -1;
  const root = new Directory(files, files.root, directoryRights & allowed, '/');
  root.inheriting = (directoryRights | fileRights) & allowed;
  const idle = new Idle();
  const input = new InputStream(() => undefined);
  const given = [input, ...outputs, root];
  const host: ComponentHost = {
    files,
    given,
    descriptors: new DescriptorTable(given, descriptors),
    args,
    env: [],
    exit: () => undefined,
    wait: (waiting) => idle.run(waiting),
    wake: () => {
      idle.wake();
    },
    progress: () => undefined,
    onEnd: () => () => undefined,
    network: new ComponentNetwork({
      files: [],
      listeners: new Map(),
      connections: new Map(),
      dial: () => undefined,
      ...network,
    }),
  };
  return { host, files, input, idle };
}
