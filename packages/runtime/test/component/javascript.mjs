// SPDX-License-Identifier: Apache-2.0
//
// A command for WASI 0.2 in JavaScript; componentize-js makes a component of it, with a whole JavaScript engine inside.
import { getArguments, getEnvironment } from 'wasi:cli/environment@0.2.12';
import { getStdin } from 'wasi:cli/stdin@0.2.12';
import { getStdout } from 'wasi:cli/stdout@0.2.12';
import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const run = {
  run() {
    const output = getStdout();
    const say = (text) => output.blockingWriteAndFlush(encoder.encode(`${text}\n`));
    say(`arguments: ${JSON.stringify(getArguments())}`);
    say(`environment: ${JSON.stringify(getEnvironment())}`);
    say(`input: ${readAll(getStdin())}`);
    for (const [directory, name] of getDirectories()) {
      say(`directory: ${name}`);
      const file = directory.openAt(
        {},
        'note.txt',
        { create: true, truncate: true },
        { read: true, write: true },
      );
      file.write(encoder.encode('written by JavaScript'), 0n);
      const [bytes, end] = file.read(100n, 0n);
      say(`file: ${decoder.decode(bytes)}, ${end}, ${file.stat().size}`);
      const entries = [];
      const listing = directory.readDirectory();
      for (let entry = listing.readDirectoryEntry(); entry; entry = listing.readDirectoryEntry())
        entries.push(`${entry.name} ${entry.type}`);
      say(`entries: ${entries.sort().join(', ')}`);
      for (const path of ['../outside', '/outside', 'missing'])
        say(`${path}: ${failure(() => directory.openAt({}, path, {}, { read: true }))}`);
    }
  },
};

function readAll(input) {
  let text = '';
  for (;;) {
    try {
      text += decoder.decode(input.blockingRead(4096n), { stream: true });
    } catch (error) {
      if ((error.payload ?? error).tag === 'closed') return text;
      throw error;
    }
  }
}

function failure(call) {
  try {
    call();
    return 'done';
  } catch (error) {
    return String(error.payload ?? error);
  }
}
