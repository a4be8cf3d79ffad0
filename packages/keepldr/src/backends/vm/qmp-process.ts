// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';

import { keepldrProblem } from '../../problems.ts';
import { Qmp } from './qmp.ts';

const longestStart = 10_000;

/** A QEMU that makes no machine and is only asked. */
export class QmpProcess {
  readonly qmp: Qmp;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, qmp: Qmp) {
    this.#child = child;
    this.qmp = qmp;
  }

  /**
   * @param start - starts it with these arguments on top of its own
   * @param path - of a socket to make
   * @throws EnarxError `keepldr/qemu-failed`
   */
  static async start(start: (args: readonly string[]) => ChildProcess, path: string): Promise<QmpProcess> {
    const server = createServer();
    server.listen(path);
    await once(server, 'listening');
    const child = start([
      ...['-chardev', `socket,id=control,path=${path.replaceAll(',', ',,')}`],
      ...['-mon', 'chardev=control,mode=control'],
    ]);
    let timer: NodeJS.Timeout | undefined;
    try {
      const failed = new Promise<never>((_resolve, reject) => {
        const fail = (found: string): void => {
          reject(keepldrProblem('keepldr/qemu-failed', { found }));
        };
        child.once('error', (error) => {
          fail(error.message);
        });
        child.once('exit', (code, signal) => {
          fail(signal ?? `status ${String(code)}`);
        });
        timer = setTimeout(fail, longestStart, `no connection within ${String(longestStart)} ms`);
      });
      failed.catch(() => undefined);
      const [socket] = (await Promise.race([once(server, 'connection'), failed])) as [Socket];
      const qmp = new Qmp(socket, () => undefined);
      await qmp.start();
      return new QmpProcess(child, qmp);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
      server.close();
    }
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
