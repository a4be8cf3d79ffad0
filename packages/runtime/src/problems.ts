// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Why a program could not be run, or why its end is not known. How a program that did run ended is no problem but an `ended` message. */
export const runtimeProblems = {
  'wasm/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The program is not a valid WebAssembly module',
    mend: 'Deliver the .wasm file that the compiler wrote, whole and unchanged.',
  },
  'wasm/is-component': {
    kind: 'unsupported',
    status: 422,
    title: 'The program is a WebAssembly component, not a core module',
    mend: 'Deliver it with `enarx run` or with moduleFromComponent of @enarx/client, which take components apart for the Keep.',
  },
  'wasm/unsupported-world': {
    kind: 'unsupported',
    status: 422,
    title: 'The component is none that a Keep can run',
    mend: 'Build for WASI 0.2: a component that exports wasi:cli/run@0.2 or wasi:http/incoming-handler@0.2 and imports only interfaces that docs/programs.md names.',
  },
  'wasm/no-listener': {
    kind: 'usage',
    status: 422,
    title: 'The component answers HTTP requests, and has nowhere to get them from',
    mend: 'Give it a listener: a file of kind "listen" in Enarx.toml, or --listen PORT.',
  },
  'wasm/not-suspendable': {
    kind: 'unsupported',
    status: 501,
    title: 'A component needs an engine that can suspend programs',
    mend: 'Run the Keep with Node 26 or later.',
  },
  'wasm/unknown-import': {
    kind: 'unsupported',
    status: 422,
    title: 'The program imports something that WASI preview 1 does not have',
    mend: 'Compile for WASI preview 1; a module for browsers or another host needs imports that a Keep does not offer.',
  },
  'wasm/import-type': {
    kind: 'malformed',
    status: 422,
    title: 'The program imports a function of WASI preview 1 as another type than it has',
    mend: 'Declare the import as the specification of WASI preview 1 does; most often a declaration that was written by hand is wrong.',
  },
  'wasm/no-start': {
    kind: 'malformed',
    status: 422,
    title: 'The program has no function _start',
    mend: 'Compile a program with a main function, not a library (for Rust: a binary crate).',
  },
  'wasm/unsupported-memory': {
    kind: 'unsupported',
    status: 422,
    title: 'The program declares a memory of a sort that WASI preview 1 does not have',
    mend: 'Compile for 32-bit addresses and one memory.',
  },
  'files/conflict': {
    kind: 'malformed',
    status: 422,
    title: 'The files that came with the program contradict each other',
    mend: 'Give each path one meaning: no file where another entry needs a directory, no entry below a symbolic link.',
  },
  'files/path': {
    kind: 'malformed',
    status: 422,
    title: 'A path among the files that came with the program is none that a file can have there',
    mend: 'Give absolute paths in their shortest form: no ".", "..", doubled or final slash, no name of more than 255 bytes, and link targets that are not empty.',
  },
  'files/unreadable': {
    kind: 'internal',
    status: 500,
    title: 'The files that came with the program could not be read to their end',
    mend: 'Look at the cause, and deliver again.',
  },
  'files/too-many': {
    kind: 'malformed',
    status: 413,
    title: 'More files came with the program than a Keep takes',
    mend: 'Put files that belong together into an archive, or leave out what the program does not need.',
  },
  'files/too-large': {
    kind: 'malformed',
    status: 413,
    title: 'The files that came with the program are larger together than a Keep takes',
    mend: 'Leave out what the program does not need.',
  },
  'files/size': {
    kind: 'malformed',
    status: 400,
    title: 'A file that came with the program does not have the size that was announced',
    mend: 'Send exactly as many bytes of each file as its entry announces.',
  },
  'runner/not-started': {
    kind: 'internal',
    status: 500,
    title: 'The runner process could not be started',
    mend: 'Look whether Node 26 and runner.cjs are where wasmldr expects them.',
  },
  'runner/died': {
    kind: 'internal',
    status: 500,
    title: 'The runner process ended without saying how the program ended',
    mend: 'Most often the machine is out of memory; lower the memory limit or use a larger machine.',
  },
  'runner/unresponsive': {
    kind: 'internal',
    status: 504,
    title: 'The runner did not begin to run the program in time',
    mend: 'The machine is overloaded, or the module takes too long to compile; try again or make it smaller.',
  },
  'runner/misbehaved': {
    kind: 'internal',
    status: 502,
    title: 'The runner broke the protocol of its link and was killed',
    mend: 'The program may have taken over its runner; it cannot reach beyond it. Keep a copy of the module and report it.',
  },
  'runner/module-size': {
    kind: 'malformed',
    status: 400,
    title: 'The module does not have the size that was announced',
    mend: 'Send exactly as many bytes of module as the delivery announces.',
  },
  'runner/stdin-beyond-credit': {
    kind: 'malformed',
    status: 400,
    title: 'More standard input came than the program had asked for',
    mend: 'Send no more bytes of standard input than were granted.',
  },
  'runner/no-processor-time': {
    kind: 'unsupported',
    status: 501,
    title: 'A limit of processor time was asked for, and the processor time of the runner cannot be read',
    mend: 'Let wasmldr read /proc, or set a limit of wall time instead.',
  },
  'runner/used': {
    kind: 'usage',
    status: 409,
    title: 'This runner has had its workload already',
    mend: 'Start a runner for each workload.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const runtimeProblem = problemsOf(runtimeProblems);
export type RuntimeProblemCode = keyof typeof runtimeProblems;
