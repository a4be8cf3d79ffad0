// SPDX-License-Identifier: Apache-2.0
//
// A component that answers HTTP requests in a Keep, each with an instance of its own, over a bare HTTPS server that answers the same out of one process which
// lives on. What the ratio holds is all of it: three processes on the way, TLS in one and HTTP in another, and what an instance costs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { createKeepCertificate } from '@enarx/channel';

import { release } from '../host.ts';
import { inPairs, median } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const answer = 'Hello from inside the Keep.\n';

interface Served extends Disposable {
  readonly port: number;
}

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-bench-'));
  try {
    using keep = await inKeep(directory);
    using node = await inNode(directory);
    const rows: BenchRow[] = [];
    for (const [connections, goal] of [
      [1, 0.2],
      [16, 0.1],
    ] as const) {
      const slowest = { keep: [] as number[], node: [] as number[] };
      const run = async (side: 'keep' | 'node', { port }: Served): Promise<number> => {
        const { rate, p99 } = await load(port, connections, short ? 500 : 2000);
        slowest[side].push(p99);
        return rate;
      };
      const pairs = await inPairs(
        short ? 3 : 7,
        () => run('keep', keep),
        () => run('node', node),
      );
      const [ours, theirs] = [median(slowest.keep), median(slowest.node)];
      rows.push(
        {
          id: `handler-requests-${String(connections)}`,
          goal,
          better: 'higher',
          ratio: pairs.ratio,
          samples: pairs.samples,
          detail: `${pairs.subject.toFixed(0)}/s over ${pairs.baseline.toFixed(0)}/s`,
        },
        {
          id: `handler-p99-${String(connections)}`,
          goal: 10,
          better: 'lower',
          ratio: ours / theirs,
          samples: pairs.samples,
          detail: `${ours.toFixed(1)} ms over ${theirs.toFixed(1)} ms`,
        },
      );
    }
    return rows;
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function inKeep(directory: string): Promise<Served> {
  const component = join(root, 'examples', 'handler', 'handler.component.wasm');
  const child = spawn(
    process.execPath,
    [join(release, 'enarx.js'), 'run', '--json', '--listen', '127.0.0.1:0', component],
    {
      env: { PATH: process.env['PATH'] ?? '', HOME: directory, XDG_STATE_HOME: directory },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  for await (const line of createInterface({ input: child.stderr })) {
    const event = JSON.parse(line) as { readonly event?: string; readonly port?: number };
    if (event.event !== 'listening' || event.port === undefined) continue;
    child.stderr.resume();
    return { port: event.port, [Symbol.dispose]: () => child.kill('SIGTERM') };
  }
  throw new Error('the Keep did not listen');
}

async function inNode(directory: string): Promise<Served> {
  const { key, certificate: cert } = await createKeepCertificate(new Uint8Array(16));
  const file = join(directory, 'https.mjs');
  writeFileSync(
    file,
    `import { createServer } from 'node:https';
     const server = createServer(${JSON.stringify({ key, cert, minVersion: 'TLSv1.3', noDelay: true })}, (message, response) => {
       response.writeHead(200, { 'content-type': 'text/plain' });
       response.end(${JSON.stringify(answer)});
     });
     server.listen(0, '127.0.0.1', () => console.log(server.address().port));`,
  );
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { port: Number(line), [Symbol.dispose]: () => child.kill('SIGTERM') };
}

/** Requests each second, one after the other on so many connections, and how long all but a hundredth of them took. */
async function load(
  port: number,
  connections: number,
  milliseconds: number,
): Promise<{ readonly rate: number; readonly p99: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, rejectUnauthorized: false });
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sending = request({ port, host: '127.0.0.1', agent }, (message) => {
        let body = '';
        message.setEncoding('latin1').on('data', (text: string) => (body += text));
        message.on('end', () => {
          if (message.statusCode === 200 && body === answer) resolve();
          else reject(new Error(`${String(message.statusCode)} ${body}`));
        });
      });
      sending.on('error', reject).end();
    });
  await Promise.all(Array.from({ length: connections }, ask));
  const times: number[] = [];
  const began = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (let now = performance.now(); now - began < milliseconds;) {
        await ask();
        const after = performance.now();
        times.push(after - now);
        now = after;
      }
    }),
  );
  const rate = (times.length * 1000) / (performance.now() - began);
  agent.destroy();
  times.sort((a, b) => a - b);
  return { rate, p99: times[Math.floor(times.length * 0.99)] ?? 0 };
}

export default {
  title: 'a component that answers HTTPS requests in a Keep over a bare Node server that answers the same',
  measure,
} satisfies BenchModule;
