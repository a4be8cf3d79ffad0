// SPDX-License-Identifier: Apache-2.0
import { printable } from '@enarx/protocol';

import { configTemplate } from '../../config/document.ts';
import { readConfig } from '../../config/load.ts';
import { missingStreams } from '../../config/missing-streams.ts';
import { nameOfFile } from '../../config/file-names.ts';
import type { EnarxContext, OutputFlags } from '../../context.ts';
import { writeNewFile } from '../../named-file.ts';

export async function initConfig(this: EnarxContext, _flags: OutputFlags, file?: string): Promise<void> {
  const template = configTemplate();
  if (file === undefined) {
    this.output.result({ template }, () => template);
    return;
  }
  await writeNewFile(file, template);
  this.output.result({ file }, () => `${file} written; everything in it is commented out.`);
}

export async function checkConfig(this: EnarxContext, _flags: OutputFlags, file: string): Promise<void> {
  const { args, env, files, limits, optimize } = await readConfig(file);
  const config = {
    args,
    env,
    files: files?.map((file) => ({ kind: file.kind, name: nameOfFile(file) })),
    limits: { ...limits },
    optimize,
  };
  this.output.result(config, () => [`${file} is valid.`, ...inWords(config)].join('\n'));
  const hint = missingStreams(files);
  if (hint !== undefined) this.output.event('hint', { hint }, `hint: ${hint}`);
}

/** What the program gets by it, as far as it says anything. Values of variables are left out: they may be secrets. */
function inWords(config: {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly { readonly kind: string; readonly name: string }[] | undefined;
  readonly limits: Readonly<Record<string, number | undefined>>;
}): string[] {
  const { args, env, files, limits } = config;
  const words = {
    arguments: args.map((text) => JSON.stringify(text)).join(' '),
    environment: Object.keys(env).join(', '),
    descriptors: (files ?? [])
      .map(({ kind, name }, number) => `${String(number)} ${kind}${name === kind ? '' : ` (${name})`}`)
      .join(', '),
    limits: Object.entries(limits)
      .filter(([, limit]) => limit !== undefined)
      .map(([name, limit]) => `${name} ${String(limit)}`)
      .join(', '),
  };
  return Object.entries(words).flatMap(([title, text]) =>
    text === '' ? [] : [`  ${title}: ${printable(text)}`],
  );
}
