// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

import {
  createSimulatedProcessor,
  exportProcessor,
  importProcessor,
  type SimulatedProcessor,
} from '@enarx/simulator';

export interface SharedProcessor {
  readonly processor: SimulatedProcessor;
  /** Its export, as a keepmgr keeps it in `simulator.cbor`. */
  readonly file: string;
  /** Its root certificate, PEM. */
  readonly anchorFile: string;
}

const packages = join(import.meta.dirname, '..', '..', 'packages');
const sources = ['simulator/src', 'attestation/src/x509', 'attestation/src/der'];

/**
 * One simulated processor for all tests of this user on this machine, so that no test waits for RSA keys. It is made anew
 * when a source of the simulator or of its certificates changes. Not for tests that need a second root: {@link otherProcessor} is one.
 */
export function sharedProcessor(): Promise<SharedProcessor> {
  return named('shared');
}

/** A second processor with a root of its own, kept in the same way. */
export function otherProcessor(): Promise<SharedProcessor> {
  return named('other');
}

const loaded = new Map<string, Promise<SharedProcessor>>();

function named(name: string): Promise<SharedProcessor> {
  const known = loaded.get(name) ?? load(name);
  loaded.set(name, known);
  return known;
}

async function load(name: string): Promise<SharedProcessor> {
  const parent = join(tmpdir(), `enarx-test-processors-${userInfo().username}`);
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const directory = join(parent, `${name}-${digestOfSources()}`);
  const file = join(directory, 'simulator.cbor');
  const anchorFile = join(directory, 'anchor.pem');
  if (!existsSync(directory)) await make(directory);
  const processor = await importProcessor(readFileSync(file));
  return { processor, file, anchorFile };
}

/** The whole directory appears at once; who comes second throws his own away, since a directory with files in it is not replaced. */
async function make(directory: string): Promise<void> {
  const own = `${directory}.${String(process.pid)}`;
  mkdirSync(own, { mode: 0o700 });
  try {
    const processor = await createSimulatedProcessor();
    writeFileSync(join(own, 'simulator.cbor'), await exportProcessor(processor), { mode: 0o600 });
    writeFileSync(join(own, 'anchor.pem'), processor.anchorPem);
    renameSync(own, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function digestOfSources(): string {
  const hash = createHash('sha256');
  for (const directory of sources) {
    const path = join(packages, directory);
    for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()) {
      if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(path, name)));
    }
  }
  return hash.digest('hex').slice(0, 32);
}
