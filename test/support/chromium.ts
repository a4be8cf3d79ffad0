// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The page of a browser that was started with `--remote-debugging-port=0`, over the DevTools protocol. */
export interface Page {
  evaluate(expression: string): Promise<unknown>;
  /** Asks until the expression gives something. */
  until(expression: string): Promise<unknown>;
  chooseFiles(selector: string, paths: readonly string[]): Promise<void>;
  /** PNG. */
  screenshot(): Promise<Buffer>;
  close(): void;
}

type Result = Readonly<Record<string, unknown>>;

/** @param profile - directory of the browser, where it writes its port */
export async function connectTo(profile: string): Promise<Page> {
  const file = join(profile, 'DevToolsActivePort');
  while (!existsSync(file) || !readFileSync(file, 'utf8').includes('\n')) await sleep(50);
  const port = readFileSync(file, 'utf8').split('\n')[0] as string;
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as readonly {
    readonly type: string;
    readonly webSocketDebuggerUrl: string;
  }[];
  const page = targets.find(({ type }) => type === 'page');
  if (page === undefined) throw new Error('the browser has no page');
  const socket = new WebSocket(page.webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const waiting = new Map<number, (result: Result) => void>();
  socket.onmessage = ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: Result };
    if (id !== undefined) waiting.get(id)?.(result ?? {});
  };
  let last = 0;
  const send = (method: string, params: Result = {}): Promise<Result> =>
    new Promise((resolve) => {
      last += 1;
      waiting.set(last, resolve);
      socket.send(JSON.stringify({ id: last, method, params }));
    });
  const evaluate = async (expression: string): Promise<unknown> => {
    const { result } = await send('Runtime.evaluate', { expression, returnByValue: true });
    return (result as Result)['value'];
  };
  const until = async (expression: string): Promise<unknown> => {
    for (;;) {
      const value = await evaluate(expression);
      if (value !== undefined) return value;
      await sleep(50);
    }
  };
  await until(`document.readyState === 'complete' && location.href !== 'about:blank' ? true : undefined`);
  return {
    evaluate,
    until,
    chooseFiles: async (selector, files) => {
      const { root } = (await send('DOM.getDocument')) as { root: Result };
      const { nodeId } = await send('DOM.querySelector', { nodeId: root['nodeId'], selector });
      await send('DOM.setFileInputFiles', { nodeId, files });
    },
    screenshot: async () => {
      const { data } = await send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
      return Buffer.from(data as string, 'base64');
    },
    close: () => {
      socket.close();
    },
  };
}
