// SPDX-License-Identifier: Apache-2.0

/**
 * What Node's permission model knows nothing of: what a process may do to others of its user by their number, and the flags of V8, of which some have it write files
 * (`--trace-turbo-path`).
 */
export const ungoverned = {
  'node:process': ['kill', '_kill', '_debugProcess', '_debugEnd'],
  'node:os': ['setPriority', 'getPriority'],
  'node:v8': ['setFlagsFromString'],
} as const;

/**
 * Takes away what could stop, end or slow down another process, first of all the supervisor, which keeps the limits, or have the engine write where this process may,
 * or lift its limit of memory; to be called before JavaScript is loaded that came with the delivery. Where the sandbox has no process namespace of its own, and no files
 * of its own, these would reach all that its user runs on the host, and has.
 */
export function putOutOfReach(): void {
  for (const [name, functions] of Object.entries(ungoverned)) {
    const module = process.getBuiltinModule(name) as unknown as Record<string, unknown>;
    for (const function_ of functions) Reflect.deleteProperty(module, function_);
  }
  // Whoever imports these modules later would still find them otherwise.
  process.getBuiltinModule('node:module').syncBuiltinESMExports();
}
