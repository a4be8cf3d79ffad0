// SPDX-License-Identifier: Apache-2.0
//
// A process that abuses a daemon in one way until it is killed: abuser.ts KIND PORT [CERTIFICATE KEY]. It prints a line when it has begun.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { argv, stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';

import {
  cborContentType,
  createKeep,
  decodeMessage,
  encodeMessage,
  formatKeepId,
  keep,
} from '@enarx/protocol';

const [, , kind = '', portText = '', certificateFile, keyFile] = argv;
const port = Number(portText);
const own =
  certificateFile === undefined || keyFile === undefined
    ? {}
    : { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
const tls = { host: '127.0.0.1', port, rejectUnauthorized: false, ...own };

/** A connection that is open, and what becomes of it. */
function opened(): Promise<TLSSocket> {
  return new Promise((resolve) => {
    const socket = connect(tls, () => {
      resolve(socket);
    });
    socket.on('error', () => {
      resolve(socket);
    });
  });
}

function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    socket.on('close', () => {
      resolve();
    });
    socket.resume();
  });
}

/** So many at once, each again and again. */
function always(count: number, action: (index: number) => Promise<void>): void {
  for (let index = 0; index < count; index += 1)
    void (async () => {
      for (;;) {
        await action(index).catch(() => undefined);
        await sleep(1);
      }
    })();
}

const head = 'Host: x\r\nContent-Type: application/cbor\r\n';
const smuggled = 'GET /v1/cordon HTTP/1.1\r\nHost: x\r\n\r\n';

/** Has a Keep of one's own do what it is told. */
async function keepThat(command: string): Promise<void> {
  const answered = (options: object, body?: Uint8Array): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      request({ ...tls, ...options }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          resolve(Buffer.concat(chunks));
        });
      })
        .on('error', reject)
        .end(body);
    });
  const made = await answered(
    { method: 'POST', path: '/v1/keeps', headers: { 'content-type': cborContentType } },
    encodeMessage(createKeep, { tee: 'sim' }),
  );
  const path = `/v1/keeps/${formatKeepId(decodeMessage(keep, made).id)}`;
  await new Promise<void>((resolve) => {
    const headers = { connection: 'Upgrade', upgrade: 'enarx-channel/1' };
    const asked = request({ ...tls, path: `${path}/channel`, headers });
    asked.on('upgrade', (_, socket) => {
      socket.write(`${command}\n`);
      // Whatever comes is not read: a client that stalls.
      socket.pause();
      setTimeout(() => {
        socket.destroy();
        resolve();
      }, 3000);
    });
    asked.on('response', (response) => {
      response.resume();
      resolve();
    });
    asked.on('error', () => {
      resolve();
    });
    asked.end();
  });
  await answered({ method: 'DELETE', path });
}

const kinds: Readonly<Record<string, () => void>> = {
  /** A byte now and then of heads that never end. */
  slowloris: () => {
    always(200, async (index) => {
      // Their handshakes at once would be another kind of abuse.
      await sleep(index * 8);
      const socket = await opened();
      socket.write('GET /v1/keeps HTTP/1.1\r\nX-Slow: ');
      const timer = setInterval(() => socket.write('a'), 200);
      await closed(socket);
      clearInterval(timer);
    });
  },
  /** Lengths that two readers would take differently, with a request hidden behind. */
  smuggling: () => {
    const requests = [
      `POST /v1/keeps HTTP/1.1\r\n${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      `POST /v1/keeps HTTP/1.1\r\n${head}Content-Length: 0\r\nContent-Length: 40\r\n\r\n${smuggled}`,
      `POST /v1/keeps HTTP/1.1\r\n${head}Transfer-Encoding: xchunked\r\n\r\n${smuggled}`,
      `POST /v1/keeps HTTP/1.1\n${head}\n${smuggled}`,
    ];
    always(8, async (index) => {
      const socket = await opened();
      socket.write(requests[index % requests.length] as string);
      await closed(socket);
    });
  },
  /** Bodies that are larger than anything, and one that never ends. */
  bodies: () => {
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536), Buffer.from('\r\n')]);
    always(8, async (index) => {
      const socket = await opened();
      const length = index % 2 === 0 ? 'Content-Length: 1099511627776' : 'Transfer-Encoding: chunked';
      socket.write(`POST /v1/keeps HTTP/1.1\r\n${head}${length}\r\n\r\n`);
      const more = (): void => {
        while (socket.writable && socket.write(chunk));
      };
      socket.on('drain', more);
      more();
      await closed(socket);
    });
  },
  /** Connections without number, each gone when it has cost a handshake. */
  connections: () => {
    always(8, async () => {
      const socket = await opened();
      socket.destroy();
    });
  },
  /** Paths and headers that are meant for a file system, a terminal or a log. */
  paths: () => {
    const paths = [
      '/v1/keeps/../../etc/passwd',
      '/v1/keeps/%2e%2e%2f%2e%2e%2fstate.db',
      `/v1/keeps/${'0'.repeat(32)}/../${'f'.repeat(32)}`,
      '//v1/keeps',
      '/v1/keeps/%0d%0a{"event":"forged-by-an-abuser"}',
      `/v1/keeps/${'a'.repeat(4000)}`,
    ];
    always(8, async (index) => {
      const socket = await opened();
      for (const path of paths)
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: \u001b[2J{"event":"forged-by-an-abuser"}\r\nUser-Agent: ${String(index)}\r\n\r\n`,
        );
      socket.end();
      await closed(socket);
    });
  },
  'keep-floods': () => {
    always(2, () => keepThat('flood-reports'));
  },
  'keep-stalls': () => {
    always(2, () => keepThat('echo'));
  },
  /** Where loaders are liars, a new one each time. */
  'loader-floods': () => {
    always(2, () => keepThat('none'));
  },
};

kinds[kind]?.();
// Slow ones have then come.
await sleep(kind === 'slowloris' ? 2000 : 300);
stdout.write('begun\n');
