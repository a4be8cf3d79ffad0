// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Duplex } from 'node:stream';

import { guestProblem } from './problems.ts';

const portClass = '/sys/class/virtio-ports';
/** The driver hands out at most one of its buffers of a page at a time. */
const readSize = 4096;

/**
 * A port of the virtio console by the name that the host gave it (virtio 1.2 section 5.3), as a stream. Reading takes a thread of Node's pool for as long as it waits.
 * @throws EnarxError `guest/port-missing`
 */
export async function openPort(
  name: string,
  { classDirectory = portClass, devices = '/dev' } = {},
): Promise<Duplex> {
  const ports = listPorts(classDirectory);
  const port = ports.find((candidate) => portName(join(classDirectory, candidate)) === name);
  if (port === undefined)
    throw guestProblem('guest/port-missing', { found: ports.join(', ') || 'none', expected: name });
  return new PortFile(await open(join(devices, port), 'r+'));
}

function listPorts(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function portName(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, 'name'), 'utf8').trim();
  } catch {
    // A port without a name.
    return undefined;
  }
}

class PortFile extends Duplex {
  readonly #file: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(readSize);

  constructor(file: FileHandle) {
    super({ allowHalfOpen: false });
    this.#file = file;
  }

  override _read(): void {
    this.#file.read(this.#buffer, 0, readSize).then(
      ({ bytesRead }) => {
        // Nothing read means that nobody holds the other end.
        this.push(bytesRead === 0 ? null : Buffer.from(this.#buffer.subarray(0, bytesRead)));
      },
      (error: unknown) => {
        this.destroy(error as Error);
      },
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#writeAll(chunk).then(
      () => {
        callback();
      },
      (error: unknown) => {
        callback(error as Error);
      },
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    void this.#file.close().finally(() => {
      callback(error);
    });
  }

  async #writeAll(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length;) at += (await this.#file.write(chunk, at)).bytesWritten;
  }
}
