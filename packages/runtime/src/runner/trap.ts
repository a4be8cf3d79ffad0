// SPDX-License-Identifier: Apache-2.0
import { cutText, type Ended } from '@enarx/protocol';

import { engine } from './engine.ts';

const maxTrap = 1024;
const maxFrames = 64;
const maxFrame = 256;
/**
 * A frame of a V8 stack trace that lies in the program: name section name if there is one, function index, byte offset in the module. Such a name may hold
 * anything, also ends of lines, so a frame may be several of them.
 */
const wasmFrame =
  /^ {4}at (?:((?:(?!\n {4}at )[^])*?) \()?wasm:\/\/\S*?:wasm-function\[(\d+)\]:(0x[0-9a-f]+)\)?$/gm;
const rewritten = 'wasm trap: ';
const engineNames: Readonly<Record<string, string>> = {
  'wasm `unreachable` instruction executed': 'unreachable',
  'out of bounds memory access': 'memory access out of bounds',
  'integer divide by zero': 'divide by zero',
  'integer overflow': 'divide result unrepresentable',
  'invalid conversion to integer': 'float unrepresentable in integer range',
  'undefined element: out of bounds table access': 'table index is out of bounds',
  'indirect call type mismatch': 'function signature mismatch',
};
// Names come from the program and may end on a terminal.
const control = /[\u0000-\u001f\u007f-\u009f]/g;

/** To be called once, before the program runs: V8 keeps ten frames otherwise. */
export function keepFrames(): void {
  Error.stackTraceLimit = maxFrames;
}

/**
 * How a program ended that threw. Host frames are left out: they say nothing about the program.
 *
 * @param shift - bytes by which the code lies further back than in the module that was delivered
 */
export function describeTrap(error: unknown, shift = 0): Ended {
  const stack = error instanceof Error && typeof error.stack === 'string' ? error.stack : '';
  return { how: 'trap', trap: bounded(reason(error), maxTrap), frames: framesOf(stack, shift) };
}

function reason(error: unknown): string {
  if (error instanceof engine.RuntimeError) return trapOf(error.message);
  if (error instanceof RangeError && error.message === 'Maximum call stack size exceeded')
    return 'stack overflow';
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  return 'uncaught exception';
}

/** The code that joins a component renames traps as another engine does; here a trap has one name. */
function trapOf(message: string): string {
  if (!message.startsWith(rewritten)) return message;
  const text = message.slice(rewritten.length);
  return engineNames[text] ?? text;
}

function framesOf(stack: string, shift: number): string[] {
  const frames: string[] = [];
  for (const [, name, index = '', offset = ''] of stack.matchAll(wasmFrame)) {
    const place = `function[${index}]:0x${(Number(offset) - shift).toString(16)}`;
    const frame = name === undefined ? place : `${bounded(name, maxFrame - place.length - 1)} ${place}`;
    frames.push(frame);
    if (frames.length === maxFrames) break;
  }
  return frames;
}

function bounded(text: string, bytes: number): string {
  // No more than so many UTF-16 units can fit: what follows them is not worth searching.
  return cutText(text.slice(0, bytes).replace(control, '\ufffd'), bytes);
}
