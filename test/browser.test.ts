// SPDX-License-Identifier: Apache-2.0
//
// The corpus through the same code in a browser, and the auditors' page as its reader uses it. No driver: Chromium
// is spoken to by its own protocol.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { build } from 'esbuild';

import {
  intelVectors,
  withoutVectors as withoutIntelVectors,
} from '../packages/attestation/test/intel/vectors.ts';
import { nitroVectors, withoutNitroVectors } from '../packages/attestation/test/support/indexed-vectors.ts';
import {
  otherVector,
  otherVectorPath,
  samples,
  vectors,
  withoutVectors as withoutAmdVectors,
} from '../packages/attestation/test/support/vectors.ts';
import { connectTo } from './support/chromium.ts';
import { browserDirectory, bundleForBrowsers } from '../tools/browser/bundle.ts';

const root = join(import.meta.dirname, '..');
const chromium = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));
const withoutVectors = withoutAmdVectors || withoutIntelVectors || withoutNitroVectors;
const withoutChromium = chromium === undefined ? 'no Chromium on this machine (set CHROMIUM)' : false;

/** Starts a browser with a profile of its own and ends it with the block. */
async function inChromium<T>(args: readonly string[], use: (profile: string) => Promise<T>): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), 'enarx-chromium-'));
  const child = spawn(
    chromium as string,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      `--user-data-dir=${profile}`,
      ...args,
    ],
    { stdio: 'ignore', detached: true },
  );
  const ended = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  try {
    return await use(profile);
  } finally {
    // With its helpers, which are in its group.
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {
      // Already gone.
    }
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  return Buffer.concat((await request.toArray()) as Buffer[]).toString();
}

interface Judged {
  readonly file: string;
  readonly problems: readonly string[] | null;
}

describe('in a browser', { skip: withoutChromium }, () => {
  test(
    'every file of the four corpora gives what it gives in Node',
    { skip: withoutVectors, timeout: 120_000 },
    async () => {
      const { outputFiles } = await build({
        absWorkingDir: root,
        entryPoints: ['packages/attestation/test/corpus/page.ts'],
        bundle: true,
        conditions: ['source'],
        format: 'esm',
        platform: 'browser',
        target: 'es2022',
        write: false,
      });
      const script = outputFiles[0]?.text as string;
      const names = [
        ...vectors.map(({ file }) => `amd/${file}`),
        ...intelVectors.map(({ tee, file }) => `${tee}/${file}`),
        ...nitroVectors.map(({ file }) => `nitro/${file}`),
      ];
      const known = new Set(names.map((name) => `/vectors/${name}`));
      const judged = Promise.withResolvers<readonly Judged[]>();
      const server = createServer((request, response) => {
        const path = decodeURI(request.url as string);
        if (request.method === 'POST') {
          void bodyOf(request).then((body) => {
            response.end();
            judged.resolve(JSON.parse(body) as readonly Judged[]);
          });
        } else if (path === '/')
          response
            .setHeader('content-type', 'text/html')
            .end('<script type="module" src="/page.js"></script>');
        else if (path === '/page.js') response.setHeader('content-type', 'text/javascript').end(script);
        else if (path === '/index.json')
          response.end(JSON.stringify({ amd: vectors, intel: intelVectors, nitro: nitroVectors }));
        else if (known.has(path)) response.end(otherVector(path.slice('/vectors/'.length)));
        else response.writeHead(404).end();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const results = await inChromium([`http://127.0.0.1:${String(port)}/`], () => judged.promise);
      server.closeAllConnections();
      server.close();
      assert.deepEqual(
        results.map(({ file }) => file),
        names,
      );
      assert.deepEqual(
        results.filter(({ problems }) => problems !== null && problems.length > 0),
        [],
      );
      // As many are judged here as in packages/attestation/test/corpus/corpus.test.ts, and all of Intel's and AWS's.
      const judgedOf = (pattern: RegExp): number =>
        results.filter(({ file, problems }) => problems !== null && pattern.test(file)).length;
      assert.ok(judgedOf(/^amd\//) >= 129);
      assert.equal(judgedOf(/^(sgx|tdx)\//), intelVectors.length);
      assert.equal(judgedOf(/^nitro\//), nitroVectors.length);
    },
  );

  test(
    'the page for auditors is one file that works from disk, loads nothing, and shows every check',
    { skip: withoutVectors, timeout: 120_000 },
    async () => {
      await bundleForBrowsers();
      const file = join(browserDirectory, 'verify.html');
      const page = readFileSync(file, 'utf8');
      assert.match(page, /Content-Security-Policy" content="default-src 'none'; script-src 'sha256-/);
      assert.doesNotMatch(page.replace(/<script>[^]*<\/script>/, ''), /(src|href)=/);
      await inChromium(
        [pathToFileURL(file).href, '--remote-debugging-port=0', '--window-size=1000,1400'],
        async (profile) => {
          const browser = await connectTo(profile);
          const { report, vek, at } = samples.turin;
          /** Chooses files, and waits for what the page says of them. */
          const judge = async (
            time: string,
            files: readonly string[],
          ): Promise<readonly [verdict: unknown, shown: string]> => {
            await browser.evaluate(
              `delete document.body.dataset.verdict; document.getElementById('at').value = '${time.slice(0, 19)}'`,
            );
            await browser.chooseFiles('#files', files.map(otherVectorPath));
            const verdict = await browser.until(`document.body.dataset.verdict`);
            return [verdict, (await browser.evaluate('document.body.innerText')) as string];
          };
          const others = [
            ...(['sgx', 'tdx'] as const).map((tee) => {
              const found = intelVectors.find(
                (one) =>
                  one.kind === `${tee}-quote` &&
                  one.class === undefined &&
                  one.level === 'full' &&
                  one.expected?.['valid'] === true,
              );
              assert.ok(found);
              // Collateral first: the evidence is told by its content.
              const files = [...(found.collateral ?? []).map(({ file }) => file), found.file];
              return [tee, String(found.verifyAt), files, 'quote/tcb-level'] as const;
            }),
            ...nitroVectors
              .slice(0, 1)
              .map(({ file, verifyAt }) => ['nitro', verifyAt, [file], 'nitro/signature'] as const),
          ];
          for (const [directory, time, files, check] of others) {
            const [verdict, shown] = await judge(
              time,
              files.map((file) => `${directory}/${file}`),
            );
            assert.equal(verdict, 'accepted', shown);
            assert.ok(shown.includes(`${directory.toUpperCase()}, genuine; no policy was applied`), shown);
            assert.ok(shown.includes(check), check);
          }
          const [verdict, shown] = await judge(at, [`amd/${vek}`, `amd/${report}`]);
          const picture = process.env['ENARX_SCREENSHOT'];
          if (picture !== undefined) writeFileSync(picture, await browser.screenshot());
          browser.close();
          assert.equal(verdict, 'accepted', shown);
          assert.match(shown, /SNP, genuine; no policy was applied/);
          for (const id of ['snp/signature', 'x509/anchor', 'snp/chip-certified', 'csr/key-bound'])
            assert.ok(shown.includes(id), id);
        },
      );
    },
  );
});
