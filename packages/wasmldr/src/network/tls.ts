// SPDX-License-Identifier: Apache-2.0
//
// TLS 1.3 in the place of the program, on both sides: the keys never come near it.
import { X509Certificate, constants } from 'node:crypto';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  connect,
  createSecureContext,
  createServer,
  rootCertificates,
  type ConnectionOptions,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';

import type { OwnCertificate } from '@enarx/channel';

import { networkProblem } from './problems.ts';

/** Milliseconds. */
const longestHandshake = 10_000;
/** Handshakes under way at one listener; more are cut off. */
const mostHandshakes = 256;

const versions = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;

/**
 * Certificates of authorities, one text for each file.
 * @throws EnarxError `network/certificates-unreadable`
 */
function authorities(texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
    if (blocks === null) throw networkProblem('network/certificates-unreadable');
    for (const block of blocks) {
      try {
        new X509Certificate(block);
      } catch (cause) {
        throw networkProblem('network/certificates-unreadable', { cause });
      }
    }
    return blocks;
  });
}

/** The program's end of TLS connections from outside: shows the Keep's attested key. */
export class TlsListener {
  readonly #server: ReturnType<typeof createServer>;
  #handshakes = 0;

  /**
   * @param clients - authorities (PEM) of which every client has to show a certificate; with none, none is asked for
   * @param connected - gets each connection when its handshake is done
   * @throws EnarxError `network/certificates-unreadable`
   */
  constructor(
    { key, certificate }: OwnCertificate,
    clients: readonly string[] | undefined,
    connected: (stream: Duplex) => void,
  ) {
    this.#server = createServer({
      ...versions,
      key,
      cert: certificate,
      // A session that is taken up again shows no certificate: whoever pins the Keep's key must see it each time.
      secureOptions: constants.SSL_OP_NO_TICKET,
      handshakeTimeout: longestHandshake,
      ...(clients === undefined
        ? { ca: [] }
        : { ca: authorities(clients), requestCert: true, rejectUnauthorized: true }),
    });
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      this.#handshakes -= 1;
      socket.allowHalfOpen = true;
      connected(socket);
    });
    this.#server.on('tlsClientError', (_error, socket) => {
      this.#handshakes -= 1;
      socket.destroy();
    });
  }

  accept(stream: Duplex): void {
    if (this.#handshakes >= mostHandshakes) {
      stream.destroy();
      return;
    }
    this.#handshakes += 1;
    // Whoever ends in the middle of a handshake has gone: half-open, it would keep its place here until the time is over. TLS looks at the stream below for this, once.
    stream.allowHalfOpen = false;
    this.#server.emit('connection', stream);
    stream.allowHalfOpen = true;
  }
}

export interface TlsConnectOptions {
  readonly host: string;
  readonly trust: 'public' | readonly string[];
  /** Shown when the other end asks for one. */
  readonly certificate: OwnCertificate;
}

/** Whom outgoing connections trust. @throws EnarxError `network/certificates-unreadable` */
export function trustContext({ trust, certificate }: Omit<TlsConnectOptions, 'host'>): SecureContext {
  const options: SecureContextOptions = {
    ...versions,
    key: certificate.key,
    cert: certificate.certificate,
    // Never the list of the machine's system, which is the host's.
    ca: trust === 'public' ? [...rootCertificates] : authorities(trust),
  };
  return createSecureContext(options);
}

/**
 * The client's side of a handshake over a connection that stands.
 * @throws EnarxError `network/tls-untrusted`, `network/tls-failed`
 */
export function connectTls(stream: Duplex, host: string, secureContext: SecureContext): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const options: ConnectionOptions & { readonly allowHalfOpen: boolean } = {
      ...versions,
      socket: stream,
      host,
      // Server Name Indication is for names only (RFC 6066 section 3).
      servername: isIP(host) === 0 ? host : '',
      secureContext,
      allowHalfOpen: true,
      rejectUnauthorized: true,
    };
    const socket = connect(options);
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no handshake within ${String(longestHandshake)} ms`));
    }, longestHandshake);
    const failed = (error?: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      stream.destroy();
      const found = `${host}: ${error?.code ?? error?.message ?? 'closed in the handshake'}`;
      const untrusted = error?.code !== undefined && certificateErrors.test(error.code);
      reject(
        networkProblem(untrusted ? 'network/tls-untrusted' : 'network/tls-failed', { found, cause: error }),
      );
    };
    const closed = (): void => {
      failed();
    };
    socket.once('error', failed).once('close', closed);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.off('error', failed).off('close', closed);
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

/** Codes of OpenSSL's chain building and of Node's comparison of names. */
const certificateErrors = /CERT|SELF_SIGNED|ISSUER|ALTNAME|CRL|UNABLE_TO/;
