// SPDX-License-Identifier: Apache-2.0
//
// The parts of V8's WebAssembly that the runner uses, with JavaScript Promise Integration. The types stand here because the Node types have none, and those
// of browsers lack the integration.

export interface CompiledModule {
  readonly brand: 'WebAssembly.Module';
}

export interface LinearMemory {
  /** A `SharedArrayBuffer` where the program declared its memory as shared. */
  readonly buffer: ArrayBuffer;
}

export interface ModuleImport {
  readonly module: string;
  readonly name: string;
  readonly kind: string;
}

export interface ModuleExport {
  readonly name: string;
  readonly kind: string;
}

export interface Instance {
  readonly exports: Readonly<Record<string, unknown>>;
}

interface Engine {
  compile(bytes: Uint8Array): Promise<CompiledModule>;
  readonly Module: {
    new (bytes: Uint8Array): CompiledModule;
    imports(module: CompiledModule): ModuleImport[];
    exports(module: CompiledModule): ModuleExport[];
  };
  readonly Instance: new (
    module: CompiledModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => Instance;
  readonly Memory: new (type: { initial: number }) => LinearMemory;
  readonly CompileError: new () => Error;
  readonly RuntimeError: new () => Error;
  /** An import whose promise suspends the program instead of being handed to it. Absent before Node 26. */
  readonly Suspending: (new (call: (...args: never[]) => unknown) => object) | undefined;
  /** A function of the program that may be suspended, and therefore returns a promise. */
  promising(call: unknown): () => Promise<unknown>;
}

export const engine = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;
