// SPDX-License-Identifier: Apache-2.0
import { close, openSync, read, readdirSync, readFileSync, write } from 'node:fs';
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
export function openPort(name: string, { classDirectory = portClass, devices = '/dev' } = {}): Duplex {
  const ports = listPorts(classDirectory);
  const port = ports.find((candidate) => portName(join(classDirectory, candidate)) === name);
  if (port === undefined)
    throw guestProblem('guest/port-missing', { found: ports.join(', ') || 'none', expected: name });
  return new PortFile(openSync(join(devices, port), 'r+'));
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

/** With callbacks: a start without Node's promises for files is a start without all that they load. */
class PortFile extends Duplex {
  readonly #descriptor: number;
  readonly #buffer = Buffer.allocUnsafe(readSize);

  constructor(descriptor: number) {
    super({ allowHalfOpen: false });
    this.#descriptor = descriptor;
  }

  override _read(): void {
    read(this.#descriptor, this.#buffer, 0, readSize, null, (error, bytesRead) => {
      if (error !== null) this.destroy(error);
      // Nothing read means that nobody holds the other end.
      else this.push(bytesRead === 0 ? null : Buffer.from(this.#buffer.subarray(0, bytesRead)));
    });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    write(this.#descriptor, chunk, (error, written) => {
      if (error !== null || written === chunk.length) callback(error);
      else this._write(chunk.subarray(written), 'binary', callback);
    });
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    close(this.#descriptor, () => {
      callback(error);
    });
  }
}
