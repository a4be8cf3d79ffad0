// SPDX-License-Identifier: Apache-2.0
import type { Verdict } from '@enarx/attestation';
import type { AttestedChannel } from '@enarx/channel';
import type { Purpose } from '@enarx/protocol';

import { Conversation, type ProgramStreams } from './conversation.ts';
import { sendWorkload } from './delivery.ts';
import { RunningProgram } from './running-program.ts';
import type { Session } from './session.ts';
import { judgement, type Trust } from './judgement.ts';
import type { Workload } from './workload.ts';

/** A Keep that was found good, on the connection on which it was, for one purpose. */
export class AttestedKeep<P extends Purpose> {
  /** The checks that were made and what they found. */
  readonly verdict: Verdict;
  readonly #channel: AttestedChannel<P>;
  readonly #session: Session;

  constructor(channel: AttestedChannel<P>, verdict: Verdict, session: Session) {
    this.#channel = channel;
    this.verdict = verdict;
    this.#session = session;
  }

  /** What the connection was attested for. */
  get purpose(): P {
    return this.#channel.purpose;
  }

  /** SHA-256 of the SubjectPublicKeyInfo of the Keep's key, 32 bytes. */
  get keepKey(): Uint8Array {
    return this.#channel.keepKey;
  }

  /**
   * Attests the Keep once more, with a fresh nonce, on the same connection.
   * @throws RejectedError, and then the connection is destroyed; EnarxError any `channel/…`
   */
  async verify(trust: Trust): Promise<Verdict> {
    const { judge, verdict } = judgement(trust, this.#session.steps);
    await this.#channel.attest(judge);
    return verdict();
  }

  /**
   * Sends the workload and starts it. Resolves when the Keep has checked and accepted it.
   * @throws ReportedError what the Keep reports; EnarxError any `client/…`, `channel/…`
   */
  async deliver(this: AttestedKeep<'deliver'>, workload: Workload): Promise<RunningProgram> {
    const { steps } = this.#session;
    const frames = await this.#channel.deliver();
    const conversation = new Conversation(frames, workload, this.#session, workload.module.digest);
    const takeStep = (): void => {
      const { checks } = this.verdict;
      steps.take(8, `${String(checks.length)} checks; module of ${String(workload.module.size)} bytes`);
    };
    conversation.onAnswer = takeStep;
    conversation.start();
    try {
      const sent = sendWorkload(frames, workload, this.#session.tap).then(() => {
        takeStep();
        conversation.expectAnswer();
      });
      // Whichever fails first: the Keep may refuse before everything is sent.
      await Promise.all([sent, conversation.accepted]);
    } catch (error) {
      // A connection that broke while we sent says less than what the Keep said before it closed it.
      throw await conversation.fail(error);
    }
    return new RunningProgram(conversation);
  }

  /** Hears a program of one's own again. What it printed meanwhile comes first, then whatever it prints, and how it ended. */
  async attach(this: AttestedKeep<'attach'>, streams: ProgramStreams): Promise<RunningProgram> {
    const conversation = new Conversation(await this.#channel.attach(), streams, this.#session);
    conversation.start();
    conversation.takeForAccepted();
    return new RunningProgram(conversation);
  }

  /** Has the Keep end one's own program. */
  async stop(this: AttestedKeep<'attach'>): Promise<void> {
    await this.#channel.stop();
    this.#channel.destroy();
  }

  destroy(): void {
    this.#channel.destroy();
  }
}
