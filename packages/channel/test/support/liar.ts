// SPDX-License-Identifier: Apache-2.0
//
// An end of the channel that answers every question as a Keep does, except for what a test has it lie about.
import { createHash } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from 'node:tls';

import { createKeepCertificate, type OwnCertificate } from '@enarx/channel';
import {
  attestRequest,
  decodeMessage,
  encodeMessage,
  evidence,
  exporterLabel,
  reportData,
  type Binding,
} from '@enarx/protocol';

export const keepId = new Uint8Array(16).fill(0xab);

export interface GivenAnswer {
  readonly status?: number;
  readonly type?: string;
  readonly body: Uint8Array;
}

export interface LiarOptions {
  readonly certificate?: OwnCertificate;
  /** What goes into the report data in the place of the truth. */
  readonly lie?: Partial<Binding>;
  readonly tls?: TlsOptions;
  /** The whole answer, in the place of one that is made. */
  readonly answer?: (question: Uint8Array) => GivenAnswer | Promise<GivenAnswer>;
  /** Sees the report data of each answer. */
  readonly made?: (body: Uint8Array) => void;
}

/** @returns takes connections */
export async function liar(options: LiarOptions = {}): Promise<(connection: Duplex) => void> {
  const certificate = options.certificate ?? (await createKeepCertificate(keepId));
  const sockets = new Map<Duplex, TLSSocket>();
  const http = createHttpServer((request, response) => {
    const socket = sockets.get(request.socket) as TLSSocket;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void (async () => {
        const question = Buffer.concat(chunks);
        const given = await options.answer?.(question);
        const body = given?.body ?? (await answer(socket, question, certificate, options));
        options.made?.(body);
        response.writeHead(given?.status ?? 200, {
          'content-type': given?.type ?? 'application/cbor',
          'content-length': body.length,
        });
        response.end(body);
      })();
    });
  });
  const tls = createTlsServer({
    key: certificate.key,
    cert: certificate.certificate,
    ALPNProtocols: ['http/1.1'],
    requestCert: true,
    rejectUnauthorized: false,
    ...options.tls,
  });
  tls.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => undefined);
    sockets.set(socket, socket);
    http.emit('connection', socket);
  });
  tls.on('tlsClientError', () => undefined);
  return (connection) => {
    connection.on('error', () => undefined);
    tls.emit('connection', connection);
  };
}

async function answer(
  socket: TLSSocket,
  question: Uint8Array,
  certificate: OwnCertificate,
  { lie }: LiarOptions,
): Promise<Uint8Array> {
  const { nonce, purpose } = decodeMessage(attestRequest, question);
  const peer = socket.getPeerX509Certificate();
  const spki = peer?.publicKey.export({ type: 'spki', format: 'der' }) ?? Buffer.alloc(0);
  const truth: Binding = {
    nonce,
    keepKey: certificate.keyDigest,
    clientKey: createHash('sha256').update(spki).digest(),
    exporter: socket.exportKeyingMaterial(32, exporterLabel, Buffer.alloc(0)),
    keepId,
    purpose,
  };
  return evidenceOver(await reportData({ ...truth, ...lie }));
}

/** In the place of evidence that a processor signs: the report data itself. */
function evidenceOver(bytes: Uint8Array): Uint8Array {
  return encodeMessage(evidence, { format: 'snp', report: bytes, endorsements: new Uint8Array(0) });
}
