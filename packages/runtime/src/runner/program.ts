// SPDX-License-Identifier: Apache-2.0
import { EnarxError, type Ended } from '@enarx/protocol';

import { isBundle } from '../component/bundle.ts';
import { runtimeProblem } from '../problems.ts';
import { runnerFrame } from '../runner-frames.ts';
import type { Run } from '../runner-messages.ts';
import type { Descriptor } from '../wasi/descriptor.ts';
import { DescriptorTable } from '../wasi/descriptor-table.ts';
import { Directory } from '../wasi/files/directory.ts';
import { FileSystem } from '../wasi/files/file-system.ts';
import { DirectoryNode } from '../wasi/files/nodes.ts';
import { InputStream } from '../wasi/input-stream.ts';
import { GuestMemory } from '../wasi/memory.ts';
import { NullDevice } from '../wasi/null-device.ts';
import { OutputStream } from '../wasi/output-stream.ts';
import { preview1, preview1Module, type Preview1 } from '../wasi/preview1.ts';
import { changingRights, directoryRights, fileRights } from '../wasi/rights.ts';
import { StringTable } from '../wasi/string-table.ts';
import type { EngineBinding } from './binding.ts';
import { checkProgram, InitialMemoryTooLarge, inspectModule, notCompiled } from './compile.ts';
import type { DeclaredMemory } from './declared-memory.ts';
import { engine, type CompiledModule } from './engine.ts';
import { exportHotPaths, type HotPaths } from './hot-paths.ts';
import { importedTypes } from './import-types.ts';
import type { SupervisorLink } from './link.ts';
import { limitMemory } from './memory-limit.ts';
import { Package } from './package.ts';
import { ProgramSockets } from './sockets.ts';
import { compileWell, readHints } from './tier-up.ts';
import { describeTrap, keepFrames } from './trap.ts';

const pageSize = 65_536;
/** Bytes in front of a module, into which its first sections may grow. */
export const headroom = 65_536;

/** One program from its package and module to its end, told over the link. */
export class Program {
  readonly #link: SupervisorLink;
  readonly #run: Run;
  readonly #binding: EngineBinding;
  readonly #stdin: InputStream;
  readonly #files: FileSystem;
  readonly #package: Package;
  readonly sockets: ProgramSockets;
  #hot: HotPaths | undefined;
  /** Bytes by which the code lies further back than in the module that was delivered. */
  #shift = 0;
  #begun = false;
  #ended = false;

  constructor(link: SupervisorLink, run: Run, binding: EngineBinding) {
    this.#link = link;
    this.#run = run;
    this.#binding = binding;
    this.#stdin = new InputStream((bytes) => {
      link.wantStdin(bytes);
    });
    this.#files = new FileSystem(run);
    this.#package = new Package(this.#files);
    this.sockets = new ProgramSockets(link);
  }

  /** Whether the module has come whole, and {@link start} was called. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether its end, or why it cannot be run, was told. */
  get ended(): boolean {
    return this.#ended;
  }

  get stdin(): InputStream {
    return this.#stdin;
  }

  /** The files that come before the module. */
  get package(): Package {
    return this.#package;
  }

  /**
   * Runs the program, or reports why it cannot be run. The module lies in the buffer from {@link headroom} on. A program that called `proc_exit` never comes back here. Returns a promise only where the
   * binding does: a process that blocks has no event loop to settle one.
   */
  start(buffer: Uint8Array): void | Promise<void> {
    this.#begun = true;
    const bytes = buffer.subarray(headroom);
    if (isBundle(bytes)) return this.#startComponent(bytes);
    const memory = new GuestMemory();
    return this.#attempt(
      () => {
        const declared = inspectModule(bytes, this.#run.pages);
        const functions = this.#functions(memory);
        // Before its sections are moved.
        const types = importedTypes(bytes);
        return after(this.#compile(this.#prepared(buffer, declared)), (module) => {
          checkProgram(module, types);
          return { module, functions };
        });
      },
      ({ module, functions }) => this.#execute(module, functions, memory),
      (error) => {
        this.#refuse(error);
      },
    );
  }

  async #startComponent(bytes: Uint8Array): Promise<void> {
    const { idle } = this.#binding;
    if (idle === undefined) {
      this.#refuse(runtimeProblem('wasm/not-suspendable'));
      return;
    }
    const { startComponent } = await import('./component-program.ts');
    const ended = (): boolean => this.#ended;
    await startComponent(bytes, {
      run: this.#run,
      link: this.#link,
      idle,
      files: this.#files,
      sockets: this.sockets,
      open: () => this.#given(),
      get ended() {
        return ended();
      },
      end: (end) => {
        this.#end(end);
      },
      refuse: (error) => {
        this.#refuse(error);
      },
    });
  }

  /** The module cannot be run: says why, or says that it may not have the memory that it asks for. */
  #refuse(error: unknown): void {
    // A limit below one page is none that a program could have; the supervisor knows the exact value and reports that.
    if (error instanceof InitialMemoryTooLarge)
      this.#end({ how: 'limit', limit: 'memory', value: Math.max(1, this.#run.pages * pageSize) });
    else this.refuse(error);
  }

  /** @throws anything that is no problem of the program's */
  refuse(error: unknown): void {
    if (!(error instanceof EnarxError)) throw error;
    if (this.#ended) return;
    this.#ended = true;
    this.#link.problem(error as EnarxError);
  }

  /** Its limit of memory is written into it, and functions that it enters first are made known to the engine, so that they can be compiled well at once. */
  #prepared(buffer: Uint8Array, declared: DeclaredMemory): Uint8Array {
    const from = limitMemory(buffer, headroom, declared, this.#run.pages);
    this.#shift = headroom - from;
    if (this.#run.tiers === 'default') this.#hot = exportHotPaths(buffer, from);
    if (this.#hot === undefined) return buffer.subarray(from);
    if (this.#hot.hinted) readHints();
    this.#shift += this.#hot.shift;
    return this.#hot.bytes;
  }

  #compile(bytes: Uint8Array): CompiledModule | Promise<CompiledModule> {
    try {
      const compiled = this.#binding.compile(bytes);
      return compiled instanceof Promise ? compiled.catch(notCompiled) : compiled;
    } catch (error) {
      return notCompiled(error);
    }
  }

  #execute(
    module: CompiledModule,
    functions: readonly Preview1[],
    memory: GuestMemory,
  ): void | Promise<void> {
    if (this.#ended) return;
    keepFrames();
    this.#link.started();
    return this.#attempt(
      () => {
        const imported = functions.map((function_) => [function_.name, this.#binding.imported(function_)]);
        const imports = { [preview1Module]: Object.fromEntries(imported) as Record<string, unknown> };
        const { exports } = new engine.Instance(module, imports);
        if (exports['memory'] instanceof engine.Memory) memory.attach(exports['memory']);
        if (this.#hot !== undefined) compileWell(this.#hot.names.map((name) => exports[name]));
        return this.#binding.enter(exports['_start']);
      },
      () => {
        this.#end({ how: 'exit', code: 0 });
      },
      (error) => {
        this.#end(describeTrap(error, this.#shift));
      },
    );
  }

  /** `try` for what may or may not be a promise. */
  #attempt<T>(
    work: () => T | Promise<T>,
    then: (value: T) => void | Promise<void>,
    failed: (error: unknown) => void,
  ): void | Promise<void> {
    let value: T | Promise<T>;
    try {
      value = work();
    } catch (error) {
      failed(error);
      return;
    }
    return value instanceof Promise ? value.then(then, failed) : then(value);
  }

  #functions(memory: GuestMemory): Preview1[] {
    const { args, env, descriptors } = this.#run;
    return preview1(
      {
        memory,
        files: this.#files,
        descriptors: new DescriptorTable(this.#given(), descriptors),
        args: new StringTable(args),
        env: new StringTable(env.map(([name, value]) => `${name}=${value}`)),
        exit: (code) => {
          this.#end({ how: 'exit', code });
        },
      },
      this.#binding.bind,
    );
  }

  #given(): Descriptor[] {
    return this.#run.files.map((file, number) => this.#open(file, number));
  }

  #open(file: Run['files'][number], number: number): Descriptor {
    switch (file.kind) {
      case 'listen':
        return this.sockets.listener(number);
      case 'connect':
        return this.sockets.connection(number);
      case 'null':
        return new NullDevice();
      case 'stdin':
        return this.#stdin;
      case 'stdout':
        return new OutputStream(this.#link.output(runnerFrame.stdout));
      case 'stderr':
        return new OutputStream(this.#link.output(runnerFrame.stderr));
      case 'directory': {
        const names = file.path === '/' ? [] : file.path.split('/').slice(1);
        const node = this.#package.directory(names, file.path);
        if (file.readonly === true) makeReadonly(node);
        const allowed = file.readonly === true ? ~changingRights : -1;
        const directory = new Directory(this.#files, node, directoryRights & allowed, file.name ?? file.path);
        directory.inheriting = (directoryRights | fileRights) & allowed;
        return directory;
      }
    }
  }

  #end(end: Ended): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#link.ended(end);
  }
}

function after<T, U>(value: T | Promise<T>, then: (value: T) => U): U | Promise<U> {
  return value instanceof Promise ? value.then(then) : then(value);
}

/** All that lies below, so that no other way to it can change it either. Not recursive, since a package may nest deeper than the stack. */
function makeReadonly(directory: DirectoryNode): void {
  const pending: DirectoryNode[] = [directory];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    at.readonly = true;
    for (const { node } of at.entries.values()) {
      node.readonly = true;
      if (node instanceof DirectoryNode) pending.push(node);
    }
  }
}
