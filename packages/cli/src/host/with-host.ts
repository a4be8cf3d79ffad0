// SPDX-License-Identifier: Apache-2.0
import { connect, type ConnectOptions, type Host } from '@enarx/client';

/** Uses a host and lets go of its connections afterwards, without which the command would wait for them. */
export async function withHost<T>(options: ConnectOptions, use: (host: Host) => Promise<T>): Promise<T> {
  const host = connect(options);
  try {
    return await use(host);
  } finally {
    host.close();
  }
}
