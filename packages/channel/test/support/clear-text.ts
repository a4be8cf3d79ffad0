// SPDX-License-Identifier: Apache-2.0
import { TLSSocket } from 'node:tls';

const recorders = new Set<Buffer[]>();
let patched = false;

/** Records whatever this process writes into a TLS connection of which it is the client, one character for each byte. */
export function recordClearText(): () => string {
  patch();
  const chunks: Buffer[] = [];
  recorders.add(chunks);
  return () => {
    recorders.delete(chunks);
    return Buffer.concat(chunks).toString('latin1');
  };
}

/** Below `write` and `end`, so that nothing gets past it. */
function patch(): void {
  if (patched) return;
  patched = true;
  const prototype: object = TLSSocket.prototype;
  const original = Reflect.get(prototype, '_writeGeneric') as (...args: unknown[]) => unknown;
  Reflect.set(
    prototype,
    '_writeGeneric',
    function (this: TLSSocket, writev: boolean, data: unknown, ...rest: unknown[]) {
      if (!isServer(this)) {
        const parts = writev
          ? (data as { chunk: Uint8Array }[]).map(({ chunk }) => chunk)
          : [data as Uint8Array];
        for (const part of parts) for (const chunks of recorders) chunks.push(Buffer.from(part));
      }
      return Reflect.apply(original, this, [writev, data, ...rest]);
    },
  );
}

function isServer(socket: TLSSocket): boolean {
  const { isServer: server } = Reflect.get(socket, '_tlsOptions') as { isServer?: boolean };
  return server === true;
}
