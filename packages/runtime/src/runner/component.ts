// SPDX-License-Identifier: Apache-2.0
import { decodeBundle, worldOf, type World } from '../component/bundle.ts';
import type { ComponentHost } from '../component/host.ts';
import type { IncomingRequest, ResponseOutparam } from '../component/http/incoming-message.ts';
import { componentInterfaces } from '../component/interfaces.ts';
import { componentInterfaces03 } from '../component/wasi03/interfaces.ts';
import { Outgoing } from '../component/wasi03/streams.ts';
import { runtimeProblem } from '../problems.ts';
import { inspectModule, notCompiled } from './compile.ts';
import { readDeclaredMemory } from './declared-memory.ts';
import { engine, type CompiledModule, type Instance } from './engine.ts';
import { setEngineFlags } from './engine-flags.ts';
import { putOutOfReach } from './out-of-reach.ts';

type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
type Instantiate = (
  coreModule: (name: string) => CompiledModule,
  imports: Imports,
  instantiateCore: (module: CompiledModule, imports: Imports) => Instance,
) => Promise<Readonly<Record<string, unknown>>>;
type Exports = Readonly<Record<string, unknown>>;

/** A component that was found fit to be instantiated. What it is shows when it is. */
export interface PreparedComponent {
  readonly world: World;
  instantiate(host: ComponentHost): Promise<ComponentInstance>;
}

export type ComponentInstance =
  | {
      readonly world: 'command';
      /** @returns whether the component says that it succeeded */
      run(): Promise<boolean>;
    }
  | { readonly world: 'http'; handle(request: IncomingRequest, outparam: ResponseOutparam): Promise<void> };

/**
 * Compiles the parts of a component.
 *
 * @param pages - linear memory that all of its modules may have together, in 64 KiB pages
 * @param instances - that there may be at once where it answers requests
 * @throws EnarxError `wasm/…`
 * @throws InitialMemoryTooLarge
 */
export async function prepareComponent(
  bytes: Uint8Array,
  pages: number,
  instances: number,
): Promise<PreparedComponent> {
  if (engine.Suspending === undefined) throw runtimeProblem('wasm/not-suspendable');
  const bundle = decodeBundle(bytes);
  if (bundle === undefined)
    throw runtimeProblem('wasm/malformed', { found: 'a component that was taken apart and is not whole' });
  shareMemory(
    bundle.modules.map(([, module]) => module),
    bundle.world === 'http' ? Math.floor(pages / instances) : pages,
  );
  const modules = new Map<string, CompiledModule>();
  for (const [name, module] of bundle.modules)
    modules.set(name, await engine.compile(module).catch(notCompiled));
  putOutOfReach();
  const create = await load(bundle.glue);
  const { world } = bundle;
  return { world, instantiate: (host) => instantiate(create, modules, host, world) };
}

/** V8 bounds each memory, not their sum: so each gets an equal share. */
function shareMemory(modules: readonly Uint8Array[], pages: number): void {
  const memories = modules.filter((module) => readDeclaredMemory(module).count > 0).length;
  const share = Math.floor(pages / Math.max(1, memories));
  for (const module of modules) inspectModule(module, share);
  setEngineFlags([`--wasm-max-mem-pages=${String(share)}`]);
}

async function load(glue: Uint8Array): Promise<Instantiate> {
  const url = `data:text/javascript;base64,${Buffer.from(glue.buffer, glue.byteOffset, glue.length).toString('base64')}`;
  try {
    const { instantiate } = (await import(url)) as { readonly instantiate?: unknown };
    if (typeof instantiate === 'function') return instantiate as Instantiate;
  } catch (cause) {
    // What it throws is the deliverer's choice.
    const found = cause instanceof Error ? cause.message.slice(0, 512) : 'a component that throws on loading';
    throw runtimeProblem('wasm/malformed', { found, cause });
  }
  throw runtimeProblem('wasm/malformed', { found: 'a component without instantiate' });
}

async function instantiate(
  create: Instantiate,
  modules: ReadonlyMap<string, CompiledModule>,
  host: ComponentHost,
  expected: World,
): Promise<ComponentInstance> {
  const outgoing = new Outgoing();
  const instantiated = new Set<CompiledModule>();
  const exports = await create(
    (name) => {
      const module = modules.get(name);
      if (module === undefined)
        throw runtimeProblem('wasm/malformed', { found: `no core module ${name.slice(0, 128)}` });
      return module;
    },
    known(componentInterfaces(host), () => componentInterfaces03(host, outgoing)),
    (module, imports) => {
      // A second instance would have a second memory.
      if (instantiated.has(module))
        throw runtimeProblem('wasm/unsupported-world', { found: 'a core module that is instantiated twice' });
      instantiated.add(module);
      return new engine.Instance(module, imports);
    },
  );
  const found = worldOf(Object.keys(exports));
  if (found?.world !== expected) throw otherWorld(exports, expected);
  return found.world === 'command'
    ? { world: 'command', run: () => run(exports[found.export] as Command, outgoing) }
    : {
        world: 'http',
        handle: (request, outparam) => (exports[found.export] as Handler).handle(request, outparam),
      };
}

interface Command {
  readonly run: () => Promise<void>;
}
interface Handler {
  readonly handle: (request: IncomingRequest, outparam: ResponseOutparam) => Promise<void>;
}

async function run(command: Command, outgoing: Outgoing): Promise<boolean> {
  try {
    await command.run();
    return true;
  } catch (error) {
    // The generated code throws the value of an error result, of which this one has none.
    if (error === undefined) return false;
    throw error;
  } finally {
    await outgoing.settle();
  }
}

function otherWorld(exports: Exports, expected: World): Error {
  return runtimeProblem('wasm/unsupported-world', {
    found: `the exports ${Object.keys(exports).join(', ').slice(0, 256)}`,
    expected:
      expected === 'command' ? 'wasi:cli/run@0.2 or wasi:cli/run@0.3.0' : 'wasi:http/incoming-handler@0.2',
  });
}

/** What is not there is named, where the generated code would only fail. Few components need the interfaces of WASI 0.3. */
function known(interfaces: Imports, make03: () => Imports): Imports {
  let interfaces03: Imports | undefined;
  return new Proxy(interfaces, {
    get: (all, name) => {
      const found = all[name as string] ?? (interfaces03 ??= make03())[name as string];
      if (found === undefined)
        throw runtimeProblem('wasm/unknown-import', {
          found: `the interface ${String(name).slice(0, 128)}`,
          expected: 'interfaces of WASI that a component may import',
        });
      return found;
    },
  });
}
