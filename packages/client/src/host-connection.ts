// SPDX-License-Identifier: Apache-2.0
import type { ClientRequest, RequestOptions } from 'node:http';

import type { EnarxError } from '@enarx/protocol';

/** One way to carry requests to a host. */
export interface HostConnection {
  /** Headers that say who asks. @throws EnarxError `client/access-unusable` */
  credentials(): Promise<Readonly<Record<string, string>>>;
  request(options: RequestOptions): ClientRequest;
  /** What an error comes to that only this way knows, or `undefined`. */
  failure(error: NodeJS.ErrnoException, cause: unknown): EnarxError | undefined;
  /** Why the host does not know us, if that can be seen from here; else what it reported. */
  unauthenticated(reported: EnarxError): Promise<EnarxError>;
  /** Closes idle connections. */
  close(): void;
}
