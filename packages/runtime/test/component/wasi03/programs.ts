// SPDX-License-Identifier: Apache-2.0
//
// Commands of WASI 0.3, which no compiler at hand makes: core modules in text, in which every call waits until it is done, turned into components by wasm-tools.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';

import { delivered } from '../support.ts';

const wit = readFileSync(join(import.meta.dirname, 'command.wit'), 'utf8');

/** Bytes that one read or write of the programs moves at most. */
export const piece = 65_536;
/** Where in their memory the programs read to. Text lies from 1024 on, results of calls from 16 on: the generated code takes 0 for no place at all. */
const buffer = 131_072;

const stdout = 'wasi:cli/stdout@0.3.0';
const stdin = 'wasi:cli/stdin@0.3.0';
const file = 'wasi:filesystem/types@0.3.0';
const tcp = 'wasi:sockets/types@0.3.0';

const imports: Readonly<Record<string, string>> = {
  exit: '"wasi:cli/exit@0.3.0" "exit-with-code" (func $exit (param i32))',
  wait: '"wasi:clocks/monotonic-clock@0.3.0" "wait-for" (func $wait (param i64))',
  random: '"wasi:random/random@0.3.0" "get-random-bytes" (func $random (param i64 i32))',
  stdin: `"${stdin}" "read-via-stream" (func $stdin (param i32))`,
  stdin_read: `"${stdin}" "[stream-read-0]read-via-stream" (func $stdin_read (param i32 i32 i32) (result i32))`,
  stdin_drop: `"${stdin}" "[stream-drop-readable-0]read-via-stream" (func $stdin_drop (param i32))`,
  stdin_result: `"${stdin}" "[future-read-1]read-via-stream" (func $stdin_result (param i32 i32) (result i32))`,
  stdout: `"${stdout}" "write-via-stream" (func $stdout (param i32) (result i32))`,
  stdout_new: `"${stdout}" "[stream-new-0]write-via-stream" (func $stdout_new (result i64))`,
  stdout_write: `"${stdout}" "[stream-write-0]write-via-stream" (func $stdout_write (param i32 i32 i32) (result i32))`,
  stdout_drop: `"${stdout}" "[stream-drop-writable-0]write-via-stream" (func $stdout_drop (param i32))`,
  stdout_result: `"${stdout}" "[future-read-1]write-via-stream" (func $stdout_result (param i32 i32) (result i32))`,
  directories: '"wasi:filesystem/preopens@0.3.0" "get-directories" (func $directories (param i32))',
  open: `"${file}" "[method]descriptor.open-at" (func $open (param i32 i32 i32 i32 i32 i32 i32))`,
  close: `"${file}" "[resource-drop]descriptor" (func $close (param i32))`,
  file: `"${file}" "[method]descriptor.read-via-stream" (func $file (param i32 i64 i32))`,
  file_read: `"${file}" "[stream-read-0][method]descriptor.read-via-stream" (func $file_read (param i32 i32 i32) (result i32))`,
  file_result: `"${file}" "[future-read-1][method]descriptor.read-via-stream" (func $file_result (param i32 i32) (result i32))`,
  save: `"${file}" "[method]descriptor.write-via-stream" (func $save (param i32 i32 i64) (result i32))`,
  save_new: `"${file}" "[stream-new-0][method]descriptor.write-via-stream" (func $save_new (result i64))`,
  save_write: `"${file}" "[stream-write-0][method]descriptor.write-via-stream" (func $save_write (param i32 i32 i32) (result i32))`,
  save_drop: `"${file}" "[stream-drop-writable-0][method]descriptor.write-via-stream" (func $save_drop (param i32))`,
  save_result: `"${file}" "[future-read-1][method]descriptor.write-via-stream" (func $save_result (param i32 i32) (result i32))`,
  socket: `"${tcp}" "[static]tcp-socket.create" (func $socket (param i32 i32))`,
  socket_drop: `"${tcp}" "[resource-drop]tcp-socket" (func $socket_drop (param i32))`,
  bind: `"${tcp}" "[method]tcp-socket.bind" (func $bind (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32))`,
  connect: `"${tcp}" "[method]tcp-socket.connect" (func $connect (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32))`,
  listen: `"${tcp}" "[method]tcp-socket.listen" (func $listen (param i32 i32))`,
  accept: `"${tcp}" "[stream-read-0][method]tcp-socket.listen" (func $accept (param i32 i32 i32) (result i32))`,
  receive: `"${tcp}" "[method]tcp-socket.receive" (func $receive (param i32 i32))`,
  receive_read: `"${tcp}" "[stream-read-0][method]tcp-socket.receive" (func $receive_read (param i32 i32 i32) (result i32))`,
  receive_drop: `"${tcp}" "[stream-drop-readable-0][method]tcp-socket.receive" (func $receive_drop (param i32))`,
  receive_result: `"${tcp}" "[future-read-1][method]tcp-socket.receive" (func $receive_result (param i32 i32) (result i32))`,
  send: `"${tcp}" "[method]tcp-socket.send" (func $send (param i32 i32) (result i32))`,
  send_new: `"${tcp}" "[stream-new-0][method]tcp-socket.send" (func $send_new (result i64))`,
  send_write: `"${tcp}" "[stream-write-0][method]tcp-socket.send" (func $send_write (param i32 i32 i32) (result i32))`,
  send_drop: `"${tcp}" "[stream-drop-writable-0][method]tcp-socket.send" (func $send_drop (param i32))`,
  send_result: `"${tcp}" "[future-read-1][method]tcp-socket.send" (func $send_result (param i32 i32) (result i32))`,
};

/** `$all_NAME`: writes a whole piece to a stream. @returns 1 when nobody takes the rest */
const writeAll = (name: string): string => `
  (func $all_${name} (param $stream i32) (param $at i32) (param $left i32) (result i32) (local $code i32)
    (loop $more
      (if (i32.eqz (local.get $left)) (then (return (i32.const 0))))
      (local.set $code (call $${name}_write (local.get $stream) (local.get $at) (local.get $left)))
      (local.set $at (i32.add (local.get $at) (i32.shr_u (local.get $code) (i32.const 4))))
      (local.set $left (i32.sub (local.get $left) (i32.shr_u (local.get $code) (i32.const 4))))
      (br_if $more (i32.eqz (i32.and (local.get $code) (i32.const 15)))))
    (i32.ne (local.get $left) (i32.const 0)))`;

/** `$copy_FROM_TO`: reads a stream to its end and writes it to another, which it drops. */
const copy = (from: string, to: string): string => `
  (func $copy_${from}_${to} (param $in i32) (param $out i32) (local $code i32)
    (loop $more
      (local.set $code (call $${from}_read (local.get $in) (i32.const ${buffer}) (i32.const ${piece})))
      (if (call $all_${to} (local.get $out) (i32.const ${buffer}) (i32.shr_u (local.get $code) (i32.const 4))) (then (unreachable)))
      (br_if $more (i32.eqz (i32.and (local.get $code) (i32.const 15)))))
    (call $${to}_drop (local.get $out)))`;

const start = (name: string, future: string): string => `
  (local.set $ends (call $${name}_new))
  (local.set $out (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
  (local.set $future ${future.replace('$in', '(i32.wrap_i64 (local.get $ends))')})`;
/** Waits for the future of a stream that was written. @returns its result, 0 for success */
const finished = (name: string): string =>
  `(drop (call $${name}_result (local.get $future) (i32.const 64))) (i32.load8_u (i32.const 64))`;

/**
 * @param body - of `run`, with the result on the stack, 0 for success
 * @param texts - what lies in memory, from 1024 on
 */
async function command(body: string, text = '', functions = ''): Promise<Uint8Array> {
  const used = Object.entries(imports).filter(([name]) =>
    new RegExp(`\\$${name}(?![a-z_])`).test(body + functions),
  );
  const module = `(module
    ${used.map(([, text]) => `(import ${text})`).join('\n')}
    (memory (export "memory") 32)
    (data (i32.const 1024) ${JSON.stringify(text)})
    (global $free (mut i32) (i32.const 4096))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $free (i32.and (i32.add (global.get $free) (i32.add (local.get 3) (i32.const 7))) (i32.const -8)))
      (i32.sub (global.get $free) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))
    ${functions}
    (func $run (export "wasi:cli/run@0.3.0#run") (result i32)
      (local $ends i64) (local $out i32) (local $future i32) (local $n i32)
      ${body}))`;
  const embedded = await componentEmbed({ binary: await parse(module), witSource: wit, world: 'command' });
  return componentNew(embedded);
}

const print = (length: number): string => `
  ${start('stdout', '(call $stdout $in)')}
  (drop (call $stdout_write (local.get $out) (i32.const 1024) (i32.const ${length})))`;

/** Prints a text that it waits a while for. */
export function print03(text: string, milliseconds = 0): Promise<Uint8Array> {
  return command(
    `${milliseconds === 0 ? '' : `(call $wait (i64.const ${milliseconds}000000))`}
     ${print(text.length)} (call $stdout_drop (local.get $out)) ${finished('stdout')}`,
    text,
  );
}

/** Prints, and does not wait until it is out. */
export function printThen(text: string, then: string): Promise<Uint8Array> {
  return command(`${print(text.length)} ${then}`, text, '(func $deep unreachable)');
}

export function body03(body: string, text = ''): Promise<Uint8Array> {
  return command(body, text);
}

/** Copies its standard input to its standard output. */
export function echo03(): Promise<Uint8Array> {
  return command(
    `(call $stdin (i32.const 16))
     ${start('stdout', '(call $stdout $in)')}
     (call $copy_stdin_stdout (i32.load (i32.const 16)) (local.get $out))
     (drop (call $stdin_result (i32.load (i32.const 20)) (i32.const 64)))
     (if (i32.load8_u (i32.const 64)) (then (unreachable)))
     ${finished('stdout')}`,
    '',
    writeAll('stdout') + copy('stdin', 'stdout'),
  );
}

/** Writes its standard input to the file `new` of its first directory, then prints that file. */
export function file03(): Promise<Uint8Array> {
  return command(
    `(call $directories (i32.const 16))
     (call $open (i32.load (i32.load (i32.const 16))) (i32.const 0) (i32.const 1024) (i32.const 3) (i32.const 1) (i32.const 3) (i32.const 16))
     (if (i32.load8_u (i32.const 16)) (then (return (i32.const 1))))
     (local.set $n (i32.load (i32.const 20)))
     (call $stdin (i32.const 16))
     ${start('save', '(call $save (local.get $n) $in (i64.const 0))')}
     (call $copy_stdin_save (i32.load (i32.const 16)) (local.get $out))
     ${finished('save')} (if (then (return (i32.const 1))))
     (call $file (local.get $n) (i64.const 0) (i32.const 16))
     (call $close (local.get $n))
     ${start('stdout', '(call $stdout $in)')}
     (call $copy_file_stdout (i32.load (i32.const 16)) (local.get $out))
     (drop (call $file_result (i32.load (i32.const 20)) (i32.const 64)))
     (if (i32.load8_u (i32.const 64)) (then (unreachable)))
     ${finished('stdout')}`,
    'new',
    writeAll('save') + copy('stdin', 'save') + writeAll('stdout') + copy('file', 'stdout'),
  );
}

const zeros = (count: number): string => '(i32.const 0) '.repeat(count);

/** Binds 127.0.0.1 with a port and sends what so many visitors send back to them. @returns how it failed to bind, one more than the error code */
export function serve03(port: number, visitors: number): Promise<Uint8Array> {
  return command(
    `(call $socket (i32.const 0) (i32.const 16))
     (local.set $n (i32.load (i32.const 20)))
     (call $bind (local.get $n) (i32.const 0) (i32.const ${port}) (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1) ${zeros(6)} (i32.const 16))
     (if (i32.load8_u (i32.const 16)) (then (call $exit (i32.add (i32.load8_u (i32.const 20)) (i32.const 1)))))
     (call $listen (local.get $n) (i32.const 16))
     (if (i32.load8_u (i32.const 16)) (then (return (i32.const 1))))
     (local.set $n (i32.load (i32.const 20)))
     ${`(drop (call $accept (local.get $n) (i32.const 32) (i32.const 1)))
        (call $receive (i32.load (i32.const 32)) (i32.const 16))
        ${start('send', '(call $send (i32.load (i32.const 32)) $in)')}
        (call $copy_receive_send (i32.load (i32.const 16)) (local.get $out))
        (drop (call $receive_result (i32.load (i32.const 20)) (i32.const 64)))
        ${finished('send')} drop
        (call $receive_drop (i32.load (i32.const 16)))
        (call $socket_drop (i32.load (i32.const 32)))`.repeat(visitors)}
     (i32.const 0)`,
    '',
    writeAll('send') + copy('receive', 'send'),
  );
}

/** Connects to 127.0.0.1, sends a text and prints what comes back. @returns how it failed to connect, one more than the error code */
export function get03(port: number, text: string): Promise<Uint8Array> {
  return command(
    `(call $socket (i32.const 0) (i32.const 16))
     (local.set $n (i32.load (i32.const 20)))
     (call $connect (local.get $n) (i32.const 0) (i32.const ${port}) (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1) ${zeros(6)} (i32.const 16))
     (if (i32.load8_u (i32.const 16)) (then (call $exit (i32.add (i32.load8_u (i32.const 20)) (i32.const 1)))))
     (call $receive (local.get $n) (i32.const 16))
     ${start('send', '(call $send (local.get $n) $in)')}
     (call $socket_drop (local.get $n))
     (if (call $all_send (local.get $out) (i32.const 1024) (i32.const ${text.length})) (then (unreachable)))
     (call $send_drop (local.get $out))
     ${finished('send')} (if (then (unreachable)))
     ${start('stdout', '(call $stdout $in)')}
     (call $copy_receive_stdout (i32.load (i32.const 16)) (local.get $out))
     ${finished('stdout')}`,
    text,
    writeAll('send') + writeAll('stdout') + copy('receive', 'stdout'),
  );
}

/** What a client delivers of a command. */
export async function ready(command: Promise<Uint8Array>): Promise<Uint8Array> {
  return delivered(await command);
}
