// SPDX-License-Identifier: Apache-2.0
//
// A component that answers HTTP requests in a Keep, each with an instance of its own, over a bare HTTPS server that answers the same out of one process which
// lives on. What the ratio holds is all of it: three processes on the way, TLS in one and HTTP in another, and what an instance costs.
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { inPairs, median } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';
import { examples, servedInKeep, servedInNode, type Served } from '../served.ts';

const answer = 'Hello from inside the Keep.\n';

const component = join(examples, 'handler', 'handler.component.wasm');
const answering = `(message, response) => {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.end(${JSON.stringify(answer)});
}`;

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-bench-'));
  try {
    using keep = await servedInKeep(['--listen', '127.0.0.1:0', component], directory);
    using node = await servedInNode('node:https', answering, directory);
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
