// SPDX-License-Identifier: Apache-2.0

/** What a process may do to others of its user by their number, of which Node's permission model knows nothing. */
const byNumber = {
  'node:process': ['kill', '_kill', '_debugProcess', '_debugEnd'],
  'node:os': ['setPriority', 'getPriority'],
} as const;

/**
 * Takes away what could stop, end or slow down another process, first of all the supervisor, which keeps the limits; to be called before JavaScript is loaded
 * that came with the delivery. Where the sandbox has no process namespace of its own, these would reach all that its user runs on the host.
 */
export function putProcessesOutOfReach(): void {
  for (const [name, functions] of Object.entries(byNumber)) {
    const module = process.getBuiltinModule(name) as unknown as Record<string, unknown>;
    for (const function_ of functions) Reflect.deleteProperty(module, function_);
  }
  // Whoever imports these modules later would still find them otherwise.
  process.getBuiltinModule('node:module').syncBuiltinESMExports();
}
