// SPDX-License-Identifier: Apache-2.0
//
// The other end of the throughput benchmark, in a thread of its own: takes so many bytes over an attested channel, or over plain TLS with
// the same certificate, and says one word when it has them all.
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';

import { createKeepCertificate, serveChannel } from '@enarx/channel';

interface SinkOptions {
  readonly keepId: Uint8Array;
  readonly attested: string;
  readonly plain: string;
  /** Bytes until it answers. */
  readonly bytes: number;
}

const { keepId, attested, plain, bytes } = workerData as SinkOptions;
const certificate = await createKeepCertificate(keepId);
const channel = serveChannel({
  keepId,
  certificate,
  // Whether evidence is good is another benchmark's affair; here its client accepts any.
  report: () =>
    Promise.resolve({ format: 'snp', report: new Uint8Array(1184), endorsements: new Uint8Array(0) }),
  services: {
    deliver: () => (frames) => {
      void (async () => {
        let left = bytes;
        for await (const { payload } of frames) {
          left -= payload.length;
          if (left <= 0) await frames.send(0);
        }
      })();
    },
    attach: () => () => undefined,
    stop: () => Promise.resolve(),
  },
});
const overChannel = createServer({ allowHalfOpen: true }, (connection) => {
  channel.accept(connection);
});
const overTls = createTlsServer(
  { key: certificate.key, cert: certificate.certificate, minVersion: 'TLSv1.3' },
  (socket) => {
    let left = bytes;
    socket.on('data', (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left <= 0) socket.write('.');
    });
    socket.on('error', () => undefined);
  },
);
overChannel.listen(attested, () => overTls.listen(plain, () => parentPort?.postMessage('ready')));
