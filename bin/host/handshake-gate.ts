/**
 * Who may begin a TLS handshake: only so many at a time, in all and of one address, each for a
 * limited time. The others wait their turn, address by address, so that one that floods us keeps
 * nobody else waiting.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { HandshakeLimits } from "./transport.ts";

/** Enough for a storm of logins through one gateway, little enough for the memory of a server. */
export const handshakeLimits: HandshakeLimits = {
  limitMs: 5000,
  atATime: 256,
  perAddress: 64,
  waitingMax: 4096,
};

/** How many times the limit of a handshake one may wait for its turn. */
const patience = 3;

/** A socket on its way through the gate. */
interface Entry {
  readonly socket: Socket;
  readonly address: string;
  timer: ReturnType<typeof setTimeout> | undefined;
  state: "waits" | "active" | "done";
}

interface Queue {
  active: number;
  waiting: Entry[];
}

/** Lets sockets begin their handshake. */
export class HandshakeGate {
  readonly #limits: HandshakeLimits;
  readonly #begin: (socket: Socket) => void;
  readonly #refuse: (address: string, cause: string) => void;
  /** By address; the order is that in which they are served. */
  readonly #queues = new Map<string, Queue>();
  readonly #entries = new Map<string, Entry>();
  #active = 0;
  #waiting = 0;

  constructor(
    limits: HandshakeLimits,
    begin: (socket: Socket) => void,
    refuse: (address: string, cause: string) => void,
  ) {
    this.#limits = limits;
    this.#begin = begin;
    this.#refuse = refuse;
  }

  /** Takes a socket that was just accepted and on which nothing was read yet. */
  arrive(socket: Socket): void {
    socket.on("error", () => {}); // whatever it is, `close` follows
    const { remoteAddress: address, remotePort: port } = socket;
    if (address === undefined || this.#waiting >= this.#limits.waitingMax) {
      socket.destroy();
      this.#refuse(address ?? "", "too many connections wait for TLS");
      return;
    }
    const entry: Entry = { socket, address, timer: undefined, state: "waits" };
    const key = keyOf(address, port);
    this.#entries.set(key, entry);
    socket.once("close", () => this.#leave(key, entry));
    this.#limitTime(entry, this.#limits.limitMs * patience, "no turn for TLS in time");
    this.#queueOf(address).waiting.push(entry);
    this.#waiting++;
    this.#next();
  }

  /**
   * Whoever sits at that address and port has done its handshake.
   *
   * @returns its TCP socket, or `undefined` if its time was up before
   */
  passed(address: string | undefined, port: number | undefined): Socket | undefined {
    const key = keyOf(address ?? "", port);
    const entry = this.#entries.get(key);
    if (entry?.state !== "active") return undefined;
    this.#leave(key, entry);
    return entry.socket;
  }

  /** Closes all that are on their way. */
  close(): void {
    for (const { socket } of this.#entries.values()) socket.destroy();
  }

  #next(): void {
    if (this.#waiting === 0 || this.#active >= this.#limits.atATime) return;
    for (const [address, queue] of this.#queues) {
      if (queue.waiting.length === 0 || queue.active >= this.#limits.perAddress) continue;
      const entry = queue.waiting.shift() as Entry;
      this.#waiting--;
      // To the end of the line: the next turn is another address's.
      this.#queues.delete(address);
      this.#queues.set(address, queue);
      this.#start(entry, queue);
      this.#next();
      return;
    }
  }

  #start(entry: Entry, queue: Queue): void {
    entry.state = "active";
    queue.active++;
    this.#active++;
    const { limitMs } = this.#limits;
    this.#limitTime(entry, limitMs, `no TLS handshake within ${limitMs} ms`);
    this.#begin(entry.socket);
  }

  #limitTime(entry: Entry, limitMs: number, cause: string): void {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => {
      entry.socket.destroy();
      this.#refuse(entry.address, cause);
    }, limitMs);
  }

  /** It has passed, or it is gone. */
  #leave(key: string, entry: Entry): void {
    if (entry.state === "done") return;
    clearTimeout(entry.timer);
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    const queue = this.#queueOf(entry.address);
    if (entry.state === "active") {
      queue.active--;
      this.#active--;
    } else {
      queue.waiting.splice(queue.waiting.indexOf(entry), 1);
      this.#waiting--;
    }
    entry.state = "done";
    if (queue.active === 0 && queue.waiting.length === 0) this.#queues.delete(entry.address);
    this.#next();
  }

  #queueOf(address: string): Queue {
    let queue = this.#queues.get(address);
    if (queue === undefined) {
      queue = { active: 0, waiting: [] };
      this.#queues.set(address, queue);
    }
    return queue;
  }
}

function keyOf(address: string, port: number | undefined): string {
  return `${address} ${port}`;
}
