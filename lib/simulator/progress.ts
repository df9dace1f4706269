/**
 * I14: "with all members reachable, login, create and join take a few round trips." After all has
 * healed: users without any whim, one for each server, who log in, make and delete a room, and
 * visit the next server. Each step must come within a few round trips.
 *
 * @module
 */

import { type ClientReply, type ClientRequest, clientReplies } from "../wire/client-messages.ts";
import { parseMessage } from "../wire/codec.ts";
import { peerFrameBytesMax } from "../wire/frame.ts";
import type { Cluster } from "./cluster.ts";
import { Conversation } from "./conversation.ts";
import type { End, EndOwner } from "./end.ts";

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

/** A few round trips: bytes take up to 3 ms each way, a ticket 8 ms, and timers are 2 ms late. */
const stepMs = 60;

/** Lets a probing user loose on each live server; `finished` counts those who got through. */
export function probe(cluster: Cluster): { finished: number; readonly started: number } {
  const ids = cluster
    .live()
    .filter(({ state }) => state.phase === "serving")
    .map(({ id }) => id as string);
  const count = { finished: 0, started: ids.length };
  ids.forEach((id, index) => {
    const next = ids[(index + 1) % ids.length] as string;
    new Prober(cluster, { id, next, identity: `Probe${index}` }, () => {
      count.finished++;
    }).begin();
  });
  return count;
}

interface Errand {
  readonly id: string;
  readonly next: string;
  readonly identity: string;
}

/** One user with an errand. */
class Prober implements EndOwner {
  readonly host: string;
  readonly deafUntil: number = 0;
  readonly #cluster: Cluster;
  readonly #errand: Errand;
  readonly #done: () => void;
  #end: End | undefined;
  #conversation: Conversation | undefined;
  #awaits: ((reply: ClientReply) => boolean) | undefined;
  #next: (() => void) | undefined;
  #route: Extract<ClientReply, { type: "route" }> | undefined;
  #step = 0;

  constructor(cluster: Cluster, errand: Errand, done: () => void) {
    this.#cluster = cluster;
    this.#errand = errand;
    this.#done = done;
    this.host = errand.identity;
  }

  isReading(): boolean {
    return true;
  }

  closed(): void {}

  lines(end: End, frames: readonly string[]): void {
    for (const frame of frames) {
      const parsed = parseMessage<ClientReply>(clientReplies, frame);
      if (!parsed.ok) continue;
      if (end === this.#end) this.#conversation?.hears(parsed.value);
      if (parsed.value.type === "route") this.#route = parsed.value;
      if (this.#awaits?.(parsed.value) !== true) continue;
      const next = this.#next;
      this.#awaits = undefined;
      this.#next = undefined;
      next?.();
    }
  }

  /** Goes through all its steps. */
  begin(): void {
    const { id, identity, next } = this.#errand;
    const cluster = this.#cluster;
    const wasDown = cluster.isAuthDown;
    cluster.isAuthDown = false;
    const ticket = cluster.ticketFor(`prober-${identity}`, identity) ?? "";
    cluster.isAuthDown = wasDown;
    const roomid = `${identity}Room`;
    const isOwn = (reply: ClientReply, room: string) =>
      reply.type === "roomchange" && reply.identity === identity && reply.roomid === room;
    const visit = () => {
      if (next === id) {
        this.#done();
        return;
      }
      this.#ask(
        { type: "join", roomid: `MainHall-${next}` },
        ({ type }) => type === "route",
        () => this.#visit(isOwn),
      );
    };
    this.#connect(id, () =>
      this.#ask(
        { type: "newidentity", identity, ticket },
        (r) => isOwn(r, `MainHall-${id}`),
        () =>
          this.#ask(
            { type: "createroom", roomid },
            (reply) => isOwn(reply, roomid),
            () =>
              this.#ask(
                { type: "deleteroom", roomid },
                (reply) => reply.type === "deleteroom" && reply.approved === "true",
                visit,
              ),
          ),
      ),
    );
  }

  #visit(isOwn: (reply: ClientReply, room: string) => boolean): void {
    const { identity, next } = this.#errand;
    const hall = `MainHall-${next}`;
    const ticket = this.#route?.ticket ?? "";
    const request = { type: "movejoin", former: "", roomid: hall, identity, ticket } as const;
    this.#connect(next, () => this.#ask(request, (reply) => isOwn(reply, hall), this.#done));
  }

  #connect(server: string, connected: () => void): void {
    const { host } = this;
    const place = { host, owner: this, lineMax: peerFrameBytesMax, waitingMax: 1 << 20 };
    this.#cluster.connect(place, server, (end) => {
      if (end === undefined) {
        this.#cluster.complain("I14", `${this.host} can't connect to ${server}`);
        return;
      }
      const { identity } = this.#errand;
      const conversation = new Conversation(identity, (promise, detail) =>
        this.#cluster.complain(promise, `${host} on ${server}: ${detail}`),
      );
      this.#end = end;
      this.#conversation = conversation;
      this.#cluster.begins(end.other, conversation, this);
      connected();
    });
  }

  #ask(request: ClientRequest, awaits: (reply: ClientReply) => boolean, next: () => void): void {
    const step = ++this.#step;
    this.#awaits = awaits;
    this.#next = next;
    const bytes = new TextEncoder().encode(`${JSON.stringify(request)}\n`);
    this.#conversation?.sent(request, this.#cluster.now);
    if (this.#end !== undefined) this.#cluster.write(this.#end, bytes);
    this.#cluster.after(stepMs, () => {
      if (this.#step !== step || this.#awaits === undefined) return;
      const where = `${this.#errand.id} (then ${this.#errand.next})`;
      this.#cluster.complain("I14", `${this.host} on ${where} waits for ${request.type} too long`);
    });
  }
}
