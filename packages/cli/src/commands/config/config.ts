// SPDX-License-Identifier: Apache-2.0
import { configTemplate } from '../../config/document.ts';
import { readConfig } from '../../config/load.ts';
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
  this.output.result(config, () => `${file} is valid.`);
}
