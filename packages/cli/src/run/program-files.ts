// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { packageFromDirectories, type CarriedDirectory, type PackageSource } from '@enarx/client';
import type { File } from '@enarx/protocol';

import { nameOfFile } from '../config/file-names.ts';
import type { ConfiguredFile } from '../config/schema.ts';
import { readNamedFile } from '../named-file.ts';
import { cliProblem } from '../problems.ts';

/** A descriptor of the program, with the name by which it finds it. */
export interface NamedFile {
  readonly name: string;
  readonly file: File;
  /** What is carried into the Keep for it. */
  readonly carried?: CarriedDirectory | undefined;
}

const standardStreams: readonly NamedFile[] = (['stdin', 'stdout', 'stderr'] as const).map((kind) => ({
  name: kind,
  file: { kind },
}));
const defaultPorts = { tls: 443, tcp: 80 } as const;

/**
 * The descriptors of a program: those of its configuration or the usual three, and then a directory for each `--dir` and a listener for each `--listen`.
 *
 * @param config - path of the configuration, from whose place its paths start
 * @throws EnarxError `cli/file-unreadable`, `cli/usage`
 */
export async function programFiles(
  configured: readonly ConfiguredFile[] | undefined,
  config: string | undefined,
  {
    directories,
    listeners,
  }: { readonly directories: readonly string[]; readonly listeners: readonly string[] },
): Promise<readonly NamedFile[]> {
  const base = config === undefined ? '.' : dirname(config);
  const files =
    configured === undefined
      ? standardStreams
      : await Promise.all(configured.map((file) => namedFile(file, base)));
  return [...files, ...directories.map(directoryOption), ...listeners.map(listenOption)];
}

/** `PORT`, `ADDRESS:PORT`, `[ADDRESS]:PORT`. @throws EnarxError `cli/usage` */
function listenOption(text: string): NamedFile {
  const [, bracketed, bare, digits] =
    /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const address = bracketed ?? bare;
  if (digits === undefined || port > 65_535)
    throw cliProblem('cli/usage', { found: `--listen ${text}`, expected: '[ADDRESS:]PORT' });
  return {
    name: 'listen',
    file: { kind: 'listen', prot: 'tls', port, ...(address === undefined ? {} : { address }) },
  };
}

/** All that is carried, or nothing. @throws EnarxError `client/package-…` */
export async function packageOf(files: readonly NamedFile[]): Promise<PackageSource | undefined> {
  const carried = files.flatMap((file) => (file.carried === undefined ? [] : [file.carried]));
  if (carried.length === 0) return undefined;
  const source = await packageFromDirectories(carried);
  // The root alone is nothing to send.
  return source.entries === 0 ? undefined : source;
}

async function namedFile(file: ConfiguredFile, base: string): Promise<NamedFile> {
  const name = nameOfFile(file);
  switch (file.kind) {
    case 'directory': {
      const { path, readonly, from } = file;
      return {
        name,
        file: { kind: 'directory', path, ...(readonly ? { readonly } : {}) },
        ...(from === undefined ? {} : { carried: { from: resolve(base, from), to: path } }),
      };
    }
    case 'listen': {
      const { prot, addr, port = defaultPorts[prot], clients } = file;
      const where = { port, ...(addr === undefined ? {} : { address: addr }) };
      if (prot === 'tcp') return { name, file: { kind: 'listen', prot, ...where } };
      const authorities = clients === undefined ? {} : { clients: await readAll(clients, base) };
      return { name, file: { kind: 'listen', prot, ...where, ...authorities } };
    }
    case 'connect': {
      const { prot, host, port = defaultPorts[prot], trust } = file;
      if (prot === 'tcp') return { name, file: { kind: 'connect', prot, host, port } };
      const trusted = trust === 'public' ? trust : await readAll(trust, base);
      return { name, file: { kind: 'connect', prot, host, port, trust: trusted } };
    }
    case 'null':
    case 'stdin':
    case 'stdout':
    case 'stderr':
      return { name, file: { kind: file.kind } };
  }
}

function readAll(files: readonly string[], base: string): Promise<string[]> {
  return Promise.all(files.map((file) => readNamedFile(resolve(base, file))));
}

/** wasmtime's `--dir HOST[::GUEST]`. */
function directoryOption(option: string): NamedFile {
  const at = option.indexOf('::');
  // One colon, as other tools have it, would be part of a name here.
  if (at < 0 && option.includes(':') && !existsSync(option))
    throw cliProblem('cli/usage', {
      found: `--dir ${option}, and nothing of that name`,
      expected: 'HOST or HOST::GUEST',
    });
  const from = at < 0 ? option : option.slice(0, at);
  const guest = at < 0 ? option : option.slice(at + 2);
  if (from === '' || guest === '')
    throw cliProblem('cli/usage', { found: `--dir ${option}`, expected: 'HOST or HOST::GUEST' });
  // Relative names are relative to the program's root, which is its working directory.
  const to = resolve('/', guest);
  return {
    name: 'directory',
    file: { kind: 'directory', path: to, ...(guest === to ? {} : { name: guest }) },
    carried: { from: resolve(from), to },
  };
}
