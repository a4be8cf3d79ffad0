// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { decodeMessage, encodeFrameHead, encodeMessage, longestHead, type File } from '@enarx/protocol';

import { Carried, misbehaved } from './carried.ts';
import {
  longestLinkPayload,
  mostDials,
  readSocketHead,
  runnerFrame,
  socketBacklog,
  socketHead,
  writeSocketHead,
  type DialRefusal,
} from './runner-frames.ts';
import {
  acceptMessage,
  dialledMessage,
  dialMessage,
  dialRefusedMessage,
  socketCreditMessage,
  socketMessage,
} from './runner-messages.ts';

/** Where the sockets of a program lead. Numbers are those of its descriptors. All streams are half-open when one side ends. */
export interface Network {
  /** From now on hands over what comes to this listener. */
  accept(listener: number, connected: (stream: Duplex) => void): void;
  /** The connection that was made for this descriptor before the program started. */
  connection(number: number): Duplex;
  /** Another connection to where this descriptor leads, or why there is none. */
  dial(number: number): Promise<Duplex | DialRefusal>;
  /** Where the host says that it listens for this descriptor. */
  listening(number: number): { readonly address: string; readonly port: number } | undefined;
  /** The program has closed this listener. */
  close(listener: number): void;
}

/** A file that is a socket. */
export function isSocket({ kind }: File): boolean {
  return kind === 'listen' || kind === 'connect';
}

export interface SocketsOptions {
  readonly files: readonly File[];
  readonly network: Network;
  /** Connections that may be open at once, waiting ones aside. */
  readonly most: number;
  /** Bytes that may pass, both ways together. */
  readonly traffic: number;
  /** Sends a frame to the runner; resolves when it was handed to the kernel. */
  readonly send: (kind: number, payload: Uint8Array) => Promise<void>;
  /** The same for a frame that is laid out already; its bytes are not changed before that. */
  readonly sendFramed: (frame: Uint8Array) => Promise<void>;
  /** More than `traffic` has come. */
  readonly exceeded: () => void;
}

/** Bytes that may wait for a runner that does not read its link, over all connections. */
const mostUnsent = 1_048_576;
/** Bytes of a frame with its head; data below `smallest` bytes gets a buffer of its own, since Node cuts these out of a larger one. */
const longestFrame = longestHead + longestLinkPayload;
const smallest = 4096;
/** Buffers that are kept to be used again: fresh ones cost the collector more than the copy into them. */
const mostBuffers = 4;
/** Milliseconds that a connection which the program has closed may take to bring its last bytes out. */
const longestLingering = 5000;

/**
 * The supervisor's ends of a program's sockets: carries bytes between connections and the runner, at the pace of the slower side. The runner is hostile, and so is
 * whoever is connected: neither can make this hold more than a window for each direction of each connection.
 */
export class Sockets {
  readonly #options: SocketsOptions;
  readonly #connections = new Map<number, Carried>();
  /** Connections that wait at each listener. */
  readonly #waiting = new Map<number, Set<number>>();
  readonly #lingering = new Set<Duplex>();
  /** Numbers that both sides have done with. */
  readonly #free: number[] = [];
  #next: number;
  #left: number;
  #unsent = 0;
  #dials = 0;
  #over = false;
  readonly #heldUp = new Set<Carried>();
  readonly #buffers: Buffer[] = [];

  constructor(options: SocketsOptions) {
    this.#options = options;
    this.#next = options.files.length;
    this.#left = options.traffic;
  }

  /** The program is there. */
  start(): void {
    const { files, network } = this.#options;
    for (const [number, { kind }] of files.entries()) {
      if (kind === 'connect') this.#add(number, network.connection(number));
      if (kind !== 'listen') continue;
      this.#waiting.set(number, new Set());
      network.accept(number, (stream) => {
        this.#accept(number, stream);
      });
    }
  }

  /** @throws EnarxError `runner/misbehaved`, `message/…`, `cbor/…` */
  receive(kind: number, payload: Uint8Array): void {
    switch (kind) {
      case runnerFrame.socketData: {
        if (payload.length <= socketHead) throw misbehaved('empty data on a socket');
        const { number, credit } = readSocketHead(payload);
        const bytes = payload.subarray(socketHead);
        const connection = this.#find(number);
        connection.send(bytes);
        this.#count(bytes.length);
        connection.grant(credit);
        return;
      }
      case runnerFrame.socketCredit: {
        const { socket, bytes } = decodeMessage(socketCreditMessage, payload);
        this.#find(socket).grant(bytes);
        return;
      }
      case runnerFrame.socketEnd:
        this.#find(decodeMessage(socketMessage, payload)).finish();
        return;
      case runnerFrame.socketClose:
        this.#closed(decodeMessage(socketMessage, payload));
        return;
      case runnerFrame.dial:
        this.#dial(decodeMessage(dialMessage, payload));
        return;
      case runnerFrame.accept:
        this.#accepted(decodeMessage(socketMessage, payload));
        return;
    }
  }

  /** The program has ended: what it has sent still goes out, as from a process that ends. Resolves when it has, or took too long. */
  async finish(): Promise<void> {
    this.#stopListening();
    for (const connection of this.#connections.values()) this.#linger(connection);
    this.#connections.clear();
    await Promise.all([...this.#lingering].map((duplex) => closed(duplex)));
  }

  /** Cuts everything off. */
  destroy(): void {
    this.#stopListening();
    for (const { duplex } of this.#connections.values()) duplex.destroy();
    for (const duplex of this.#lingering) duplex.destroy();
    this.#connections.clear();
  }

  #stopListening(): void {
    this.#over = true;
    for (const number of this.#waiting.keys()) this.#options.network.close(number);
    this.#waiting.clear();
  }

  #find(number: number): Carried {
    const connection = this.#connections.get(number);
    if (connection === undefined) throw misbehaved(`a socket ${String(number)} that is not open`);
    return connection;
  }

  #accept(listener: number, stream: Duplex): void {
    const waiting = this.#waiting.get(listener);
    // As a kernel whose queue is full turns connections away.
    if (waiting === undefined || waiting.size >= socketBacklog || this.#full) {
      stream.on('error', () => undefined).destroy();
      return;
    }
    const socket = this.#free.pop() ?? this.#next++;
    waiting.add(socket);
    this.#tell(runnerFrame.accept, encodeMessage(acceptMessage, { listener, socket }));
    this.#add(socket, stream);
  }

  #dial({ request, file }: { readonly request: number; readonly file: number }): void {
    if (this.#options.files[file]?.kind !== 'connect')
      throw misbehaved(`a connection for descriptor ${String(file)}, which is none`);
    if (this.#dials >= mostDials) throw misbehaved('more connections asked for than it may');
    this.#dials += 1;
    const refused = (reason: DialRefusal): void => {
      this.#tell(runnerFrame.dialRefused, encodeMessage(dialRefusedMessage, { request, reason }));
    };
    if (this.#full) {
      this.#dials -= 1;
      refused('too-many');
      return;
    }
    void this.#options.network.dial(file).then((outcome) => {
      this.#dials -= 1;
      if (typeof outcome === 'string') refused(outcome);
      else if (this.#over) outcome.on('error', () => undefined).destroy();
      else {
        const socket = this.#free.pop() ?? this.#next++;
        this.#tell(runnerFrame.dial, encodeMessage(dialledMessage, { request, socket }));
        this.#add(socket, outcome);
      }
    });
  }

  get #full(): boolean {
    const backlog = this.#waiting.size * socketBacklog;
    return this.#connections.size + this.#lingering.size >= this.#options.most + backlog;
  }

  /** Connections are taken in the order in which they came. */
  #accepted(listener: number): void {
    const waiting = this.#waiting.get(listener);
    const [first] = waiting ?? [];
    if (first === undefined) throw misbehaved('the taking of a connection that did not come');
    waiting?.delete(first);
  }

  #closed(number: number): void {
    if (this.#waiting.delete(number)) {
      this.#options.network.close(number);
      return;
    }
    const connection = this.#find(number);
    this.#connections.delete(number);
    this.#heldUp.delete(connection);
    for (const waiting of this.#waiting.values()) waiting.delete(number);
    if (number >= this.#options.files.length) this.#free.push(number);
    this.#linger(connection);
  }

  /** Nobody reads it any more; what was written to it goes out. */
  #linger(connection: Carried): void {
    // Its number may soon be another's.
    connection.retire();
    const { duplex } = connection;
    if (duplex.destroyed) return;
    this.#lingering.add(duplex);
    const timer = setTimeout(() => {
      duplex.destroy();
    }, longestLingering);
    duplex.once('close', () => {
      clearTimeout(timer);
      this.#lingering.delete(duplex);
    });
    // One that has nobody to read it is over when all is written, whatever the other end still sends.
    duplex.resume();
    if (duplex.writableFinished) duplex.destroy();
    else
      duplex.end(() => {
        duplex.destroy();
      });
  }

  #add(number: number, duplex: Duplex): void {
    const connection: Carried = new Carried(duplex, {
      data: (length) => this.#deliver(number, connection, length),
      granted: (bytes) => {
        this.#tell(runnerFrame.socketCredit, encodeMessage(socketCreditMessage, { socket: number, bytes }));
      },
      ended: () => {
        this.#tell(runnerFrame.socketEnd, encodeMessage(socketMessage, number));
      },
      broken: () => {
        this.#heldUp.delete(connection);
        this.#tell(runnerFrame.socketClose, encodeMessage(socketMessage, number));
      },
    });
    this.#connections.set(number, connection);
    connection.carry();
  }

  /** @returns whether the runner's link takes more now; the connection is told when it does again */
  #deliver(number: number, connection: Carried, length: number): boolean {
    const head = encodeFrameHead(runnerFrame.socketData, socketHead + length);
    const start = head.length + socketHead;
    const buffer = length < smallest ? Buffer.allocUnsafe(start + length) : this.#buffers.pop();
    const whole = buffer ?? Buffer.allocUnsafeSlow(longestFrame);
    const frame = whole.subarray(0, start + length);
    frame.set(head);
    writeSocketHead(frame, head.length, number, connection.owed());
    connection.take(frame, start);
    this.#unsent += frame.length;
    this.#options.sendFramed(frame).then(
      () => {
        if (whole.length === longestFrame && this.#buffers.length < mostBuffers) this.#buffers.push(whole);
        this.#sent(frame.length);
      },
      () => undefined,
    );
    this.#count(length);
    if (this.#unsent < mostUnsent) return true;
    this.#heldUp.add(connection);
    return false;
  }

  #sent(bytes: number): void {
    this.#unsent -= bytes;
    if (this.#unsent >= mostUnsent) return;
    const waiting = [...this.#heldUp];
    this.#heldUp.clear();
    for (const connection of waiting) connection.carry();
  }

  #count(bytes: number): void {
    if (this.#left < 0) return;
    this.#left -= bytes;
    if (this.#left < 0) this.#options.exceeded();
  }

  /** A link that breaks is noticed where it is read. */
  #tell(kind: number, payload: Uint8Array): void {
    this.#options.send(kind, payload).catch(() => undefined);
  }
}

function closed(duplex: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (duplex.closed) resolve();
    else duplex.once('close', resolve);
  });
}
