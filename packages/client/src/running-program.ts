// SPDX-License-Identifier: Apache-2.0
import type { Ended } from '@enarx/protocol';

import type { Conversation, Listening } from './conversation.ts';

/** One's program in its Keep, heard on one connection. */
export class RunningProgram {
  /**
   * How it ended, after all its output was passed on. Rejects with an EnarxError where that is not known:
   * ReportedError, `client/cut-off`, `client/output-failed`, `client/input-failed`, `client/aborted`.
   */
  readonly ended: Promise<Ended>;
  readonly #conversation: Conversation;

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
    this.ended = conversation.ended;
  }

  /**
   * Where clients reach the program's listeners, as the host says: whoever connects there makes sure of the Keep's key, which stands in the verdict and on the attested
   * connection (`AttestedKeep.keepKey`).
   */
  get listening(): readonly Listening[] {
    return this.#conversation.listening;
  }

  /** Closes the connection. A program that was delivered with `detach` goes on; any other is stopped. `ended` rejects with `client/aborted`. */
  leave(): void {
    this.#conversation.leave();
  }
}
