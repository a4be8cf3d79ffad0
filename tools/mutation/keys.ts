// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Most of the time of the tests goes into RSA keys that they make. Here each is made once and kept in a directory for the processes that
 * follow. In one process no two keys are the same, but those of one test and of the test on the next mutant.
 */
const { subtle } = globalThis.crypto;
const generate = subtle.generateKey.bind(subtle);
const counts = { prepared: 0, tested: 0 };
let phase: keyof typeof counts = 'prepared';

/** What is asked for next is for a test, not for what is done once before. */
export function keysFor(next: keyof typeof counts): void {
  phase = next;
}

/** The tests of the next mutant begin. */
export function keysAnew(): void {
  counts.tested = 0;
}

export function keepKeys(directory: string): void {
  const kept = async (algorithm: RsaHashedKeyGenParams, usages: KeyUsage[]): Promise<CryptoKeyPair> => {
    const title = `${algorithm.name}-${String(algorithm.modulusLength)}-${phase}-${String(counts[phase]++)}`;
    const file = join(directory, title);
    if (!existsSync(file)) {
      const pair = await generate(algorithm, true, usages);
      const pkcs8 = Buffer.from(await subtle.exportKey('pkcs8', pair.privateKey)).toString('base64');
      const spki = Buffer.from(await subtle.exportKey('spki', pair.publicKey)).toString('base64');
      // Another process may read it meanwhile.
      const draft = `${file}.${String(process.pid)}`;
      writeFileSync(draft, JSON.stringify({ pkcs8, spki }));
      renameSync(draft, file);
      return pair;
    }
    const { pkcs8, spki } = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, string>>;
    const imported = async (format: 'pkcs8' | 'spki', text = '', only: KeyUsage[]): Promise<CryptoKey> =>
      subtle.importKey(format, Buffer.from(text, 'base64'), algorithm, true, only);
    return {
      privateKey: await imported('pkcs8', pkcs8, ['sign']),
      publicKey: await imported('spki', spki, ['verify']),
    };
  };
  const isRsa = (algorithm: unknown): algorithm is RsaHashedKeyGenParams =>
    typeof algorithm === 'object' && algorithm !== null && 'modulusLength' in algorithm;
  subtle.generateKey = (async (algorithm: unknown, extractable: boolean, usages: KeyUsage[]) =>
    isRsa(algorithm) && extractable && usages.join() === 'sign,verify'
      ? kept(algorithm, usages)
      : generate(algorithm as EcKeyGenParams, extractable, usages)) as typeof subtle.generateKey;
}
