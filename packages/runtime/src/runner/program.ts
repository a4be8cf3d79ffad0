// SPDX-License-Identifier: Apache-2.0
import { EnarxError, type Ended } from '@enarx/protocol';

import { runnerFrame, type File, type Run } from '../runner-frames.ts';
import type { Descriptor } from '../wasi/descriptor.ts';
import { DescriptorTable } from '../wasi/descriptor-table.ts';
import { Idle } from '../wasi/idle.ts';
import { InputStream } from '../wasi/input-stream.ts';
import { GuestMemory } from '../wasi/memory.ts';
import { NullDevice } from '../wasi/null-device.ts';
import { OutputStream } from '../wasi/output-stream.ts';
import { preview1, preview1Module, type Preview1 } from '../wasi/preview1.ts';
import { StringTable } from '../wasi/string-table.ts';
import { compileProgram, InitialMemoryTooLarge } from './compile.ts';
import { engine, type CompiledModule } from './engine.ts';
import type { SupervisorLink } from './link.ts';
import { describeTrap, keepFrames } from './trap.ts';

const pageSize = 65_536;

/** One program from its module to its end, told over the link. */
export class Program {
  readonly idle = new Idle();
  readonly #link: SupervisorLink;
  readonly #run: Run;
  readonly #stdin: InputStream;
  readonly #memory = new GuestMemory();
  readonly #functions: readonly Preview1[];
  #ended = false;

  constructor(link: SupervisorLink, run: Run) {
    this.#link = link;
    this.#run = run;
    this.#stdin = new InputStream(this.idle, (bytes) => {
      link.wantStdin(bytes);
    });
    this.#functions = preview1({
      memory: this.#memory,
      descriptors: new DescriptorTable(this.#open(run.files)),
      idle: this.idle,
      args: new StringTable(run.args),
      env: new StringTable(run.env.map(([name, value]) => `${name}=${value}`)),
      exit: (code) => {
        this.#end({ how: 'exit', code });
      },
    });
  }

  get stdin(): InputStream {
    return this.#stdin;
  }

  /** Settles when the program has ended or cannot be run. A program that called `proc_exit` never comes back here. */
  async start(bytes: Uint8Array): Promise<void> {
    let module: CompiledModule;
    try {
      const names = new Set(this.#functions.map(({ name }) => name));
      module = await compileProgram(bytes, names, this.#run.pages);
    } catch (error) {
      if (error instanceof InitialMemoryTooLarge) this.#endAtMemoryLimit();
      else if (error instanceof EnarxError) this.#link.problem(error);
      else throw error;
      return;
    }
    keepFrames();
    this.#link.started();
    try {
      await this.#execute(module);
      this.#end({ how: 'exit', code: 0 });
    } catch (error) {
      this.#end(describeTrap(error));
    }
  }

  async #execute(module: CompiledModule): Promise<void> {
    const functions = this.#functions.map(({ name, waits, call }) => [
      name,
      waits ? new engine.Suspending(call) : call,
    ]);
    const imports = { [preview1Module]: Object.fromEntries(functions) as Record<string, unknown> };
    const { exports } = new engine.Instance(module, imports);
    if (exports['memory'] instanceof engine.Memory) this.#memory.attach(exports['memory']);
    await engine.promising(exports['_start'])();
  }

  #open(files: readonly File[]): Descriptor[] {
    return files.map(({ kind }) => {
      switch (kind) {
        case 'null':
          return new NullDevice();
        case 'stdin':
          return this.#stdin;
        case 'stdout':
          return new OutputStream(this.idle, this.#link.output(runnerFrame.stdout));
        case 'stderr':
          return new OutputStream(this.idle, this.#link.output(runnerFrame.stderr));
      }
    });
  }

  #endAtMemoryLimit(): void {
    // A limit below one page is none that a program could have; the supervisor knows the exact value and reports that.
    this.#end({ how: 'limit', limit: 'memory', value: Math.max(1, this.#run.pages * pageSize) });
  }

  #end(end: Ended): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#link.ended(end);
  }
}
