// SPDX-License-Identifier: Apache-2.0
//
// What systemd is told of this daemon (sd_notify(3), sd_listen_fds(3)). Loaded only where systemd has started it.
import { spawn } from 'node:child_process';
import { env, pid } from 'node:process';

/** The first descriptor that systemd hands over. */
const firstDescriptor = 3;

/** Descriptor of the one socket that systemd listens on for us, or `undefined`. */
export function activatedSocket(): number | undefined {
  const mine = env['LISTEN_PID'] === String(pid) && env['LISTEN_FDS'] === '1';
  return mine ? firstDescriptor : undefined;
}

/**
 * Tells systemd that the daemon is ready, and from then on, twice as often as it asks for it, that it still runs: from the
 * event loop, so that a daemon that hangs is found out.
 */
export function notifyReady(status: string): void {
  if (env['NOTIFY_SOCKET'] === undefined) return;
  notify('--ready', `--status=${status}`);
  const watchdog = Number(env['WATCHDOG_USEC'] ?? 0) / 1000;
  if (watchdog > 0)
    setInterval(() => {
      notify('WATCHDOG=1');
    }, watchdog / 2).unref();
}

export function notifyStopping(): void {
  if (env['NOTIFY_SOCKET'] !== undefined) notify('STOPPING=1');
}

/** Node has no datagram sockets of AF_UNIX; systemd's own tool has, and the unit says NotifyAccess=all. */
function notify(...words: string[]): void {
  const { NOTIFY_SOCKET } = env;
  spawn('/usr/bin/systemd-notify', [`--pid=${String(pid)}`, ...words], {
    env: { NOTIFY_SOCKET },
    stdio: 'ignore',
  })
    .on('error', () => undefined)
    .unref();
}
