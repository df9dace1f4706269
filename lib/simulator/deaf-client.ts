/**
 * A client that never reads: it asks for much, some before they log in, and takes nothing off its
 * connection. What waits for it at its server must stay within bounds (I13), and nobody else may
 * have to wait for it.
 *
 * @module
 */

import type { ClientRequest } from "../wire/client-messages.ts";
import { clientFrameBytesMax } from "../wire/frame.ts";
import type { Cluster } from "./cluster.ts";
import { Conversation } from "./conversation.ts";
import type { End, EndOwner } from "./end.ts";
import type { Random } from "./random.ts";

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

const utf8 = new TextEncoder();

/** Says it all, and hears nothing. */
export class DeafClient implements EndOwner {
  readonly host: string;
  /** For ever: nobody waits for an answer on its behalf. */
  readonly deafUntil: number = Number.POSITIVE_INFINITY;
  readonly #cluster: Cluster;
  readonly #random: Random;
  #end: End | undefined;
  #conversation: Conversation | undefined;

  constructor(cluster: Cluster, host: string, random: Random) {
    this.#cluster = cluster;
    this.host = host;
    this.#random = random;
  }

  isReading(): boolean {
    return false;
  }

  lines(): void {}

  closed(): void {
    this.#conversation?.closed();
    this.#end = undefined;
  }

  /** Connects to a server and begins to talk. */
  begin(server: string): void {
    const cluster = this.#cluster;
    const identity = `Deaf${this.host}`;
    const place = {
      host: this.host,
      owner: this,
      lineMax: clientFrameBytesMax,
      waitingMax: 1 << 20,
    };
    cluster.connect(place, server, (end) => {
      if (end === undefined) return;
      this.#end = end;
      const conversation = new Conversation(identity, (promise, detail) =>
        cluster.complain(promise, detail),
      );
      this.#conversation = conversation;
      conversation.giveUp();
      cluster.begins(end.other, conversation, this);
      const ticket = cluster.ticketFor(this.host, identity);
      const logsIn = ticket !== undefined && this.#random.chance(0.7);
      if (logsIn) this.#say({ type: "newidentity", identity, ticket });
      if (logsIn) this.#say({ type: "createroom", roomid: `room${this.#random.between(1, 4)}` });
      // What it says while it waits for its room reaches over the bound on what may wait.
      for (let number = 1; number <= 90; number++) {
        const content = `${this.host}-${end.id}.${number}.${"x".repeat(900)}`;
        this.#say({ type: "message", content });
      }
      for (let round = 0; round < 24; round++) cluster.after(60 * round, () => this.#askMuch());
    });
  }

  /** Goes. */
  end(): void {
    if (this.#end !== undefined) this.#cluster.breakOff(this.#end);
  }

  #askMuch(): void {
    for (let left = 30; left > 0; left--) this.#say({ type: "servers" });
    for (let left = 10; left > 0; left--) this.#say({ type: "who" });
  }

  #say(request: ClientRequest): void {
    if (this.#end?.status !== "open") return;
    this.#conversation?.sent(request, this.#cluster.now);
    this.#cluster.write(this.#end, utf8.encode(`${JSON.stringify(request)}\n`));
  }
}
