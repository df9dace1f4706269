/**
 * A user of a simulated cluster: gets a ticket, logs in somewhere, says and asks plausible things
 * at random, follows routes or does not, loses connections and comes back. A few misbehave, as far
 * as a client can.
 *
 * @module
 */

import { type ClientReply, clientReplies } from "../wire/client-messages.ts";
import { parseMessage } from "../wire/codec.ts";
import { peerFrameBytesMax } from "../wire/frame.ts";
import { Conversation } from "./conversation.ts";
import type { End, EndOwner } from "./end.ts";
import {
  type Deed,
  deeds,
  flurryDeeds,
  type Manner,
  manners,
  quietDeeds,
  requestOf,
} from "./habits.ts";
import { Line } from "./line.ts";
import type { Random } from "./random.ts";
import type { Town } from "./town.ts";

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

const utf8 = new TextEncoder();

/** How long a user waits for an answer before it gives its connection up. */
const patienceMs = 15_000;

/** A user and its client. */
export class User implements EndOwner {
  readonly number: number;
  readonly username: string;
  readonly host: string;
  /** The name it logs in with next time, or has. */
  identity: string;
  /** The connection it uses. */
  line: Line | undefined = undefined;
  /** How it takes the route it got, while it does. */
  manner: Manner | undefined = undefined;
  /** It takes nothing off its connections before this. */
  deafUntil = 0;
  readonly #town: Town;
  readonly #random: Random;
  readonly #lines = new Map<End, Line>();
  #wanted: string | undefined;
  /** It is about to take a route, so it does not log in anew if its connection ends. */
  #isFollowing = false;
  #rooms: readonly string[] = [];
  #passes: { readonly pass: string; readonly identity: string }[] = [];

  constructor(number: number, town: Town, random: Random) {
    this.number = number;
    this.username = `user${random.chance(0.15) ? 1 + (number % 3) : number}`;
    this.host = `u${number}`;
    this.identity = `Id${number}`;
    this.#town = town;
    this.#random = random;
  }

  /** Begins to be a user. */
  start(): void {
    this.#town.after(this.#random.between(0, 1_500), () => this.#logIn());
    this.#town.after(this.#random.between(500, 3_000), () => this.#act());
  }

  isReading(): boolean {
    return this.#town.now >= this.deafUntil;
  }

  /** Drops everything to be this one, at the same moment as others who want the same. */
  rushForIdentity(identity: string): void {
    this.#wanted = identity;
    this.lose();
    this.#town.after(40, () => this.#logIn());
  }

  /** Wants to move there at this moment. */
  rushTo(roomid: string): void {
    const { line } = this;
    if (line?.conversation.state === "in") line.say({ type: "join", roomid });
  }

  /** Wants a room at the same moment as others. */
  rushForRoom(roomid: string): void {
    const { line } = this;
    if (line?.conversation.state === "in") line.say({ type: "createroom", roomid });
  }

  /** Reads nothing before then: what it still says may cost it the answers that wait for it. */
  turnDeaf(until: number): void {
    this.deafUntil = until;
    this.line?.conversation.giveUp();
  }

  /** Its connection breaks. */
  lose(): void {
    this.line?.breakOff();
  }

  lines(end: End, frames: readonly string[]): void {
    for (const frame of frames) {
      const line = this.#lines.get(end);
      if (line === undefined) return;
      const parsed = parseMessage<ClientReply>(clientReplies, frame);
      if (!parsed.ok) {
        this.#town.complain("I6", `a client can't read ${frame}: ${parsed.error.detail}`);
        return;
      }
      line.conversation.hears(parsed.value);
      if (line === this.line) this.#heard(line, parsed.value);
    }
  }

  closed(end: End): void {
    const line = this.#lines.get(end);
    this.#lines.delete(end);
    line?.conversation.closed();
    if (line === undefined || line !== this.line) return;
    this.line = undefined;
    if (!this.#isFollowing) this.#comeBackLater();
  }

  #comeBackLater(): void {
    this.manner = undefined;
    this.#isFollowing = false;
    this.#town.after(this.#random.between(100, 1_500), () => this.#logIn());
  }

  #logIn(): void {
    if (this.line !== undefined || this.#isFollowing) return;
    const random = this.#random;
    const usual = random.chance(0.25) ? `Hot${random.between(1, 3)}` : `Id${this.number}`;
    this.identity = this.#wanted ?? usual;
    this.#wanted = undefined;
    const ticket = this.#town.ticketFor(this.username, this.identity);
    if (ticket === undefined) {
      this.#comeBackLater();
      return;
    }
    const { identity } = this;
    this.#dial(random.pick(this.#town.serverIds), identity, (line) => {
      if (line === undefined) {
        this.#comeBackLater();
        return;
      }
      this.line = line;
      const honesty = random.fraction();
      const other = honesty < 0.01 ? this.#town.ticketFor(this.username, "Somebody") : undefined;
      const shown = honesty < 0.02 ? (other ?? `${ticket}0`) : ticket;
      line.say({ type: "newidentity", identity, ticket: shown });
      if (random.chance(0.2)) line.say({ type: "who" });
    });
  }

  #dial(server: string, identity: string, connected: (line: Line | undefined) => void): void {
    const { host } = this;
    const place = { host, owner: this, lineMax: peerFrameBytesMax, waitingMax: 1 << 20 };
    this.#town.connect(place, server, (end) => {
      if (end === undefined) {
        connected(undefined);
        return;
      }
      const conversation = new Conversation(identity, (promise, detail) =>
        this.#town.complain(promise, `${this.host} on ${server}: ${detail}`),
      );
      const line = new Line(this.#town, server, end, conversation);
      this.#lines.set(end, line);
      if (!this.isReading()) conversation.giveUp();
      this.#town.begins(end.other, conversation, this);
      connected(line);
    });
  }

  #heard(line: Line, reply: ClientReply): void {
    if (reply.type === "roomlist") this.#rooms = reply.rooms;
    if (reply.type === "route") this.#routed(line, reply);
    if (reply.type === "roomchange" && line.conversation.state === "in") this.manner = undefined;
  }

  #routed(line: Line, route: Extract<ClientReply, { type: "route" }>): void {
    const random = this.#random;
    const manner = this.#town.isLively ? random.weighted(manners) : "follow";
    this.manner = manner;
    this.#passes.push({ pass: route.ticket, identity: line.conversation.identity });
    const follow = () => this.#follow(line, route);
    if (manner === "vanish") {
      this.manner = undefined;
      line.hangUp();
    } else if (manner === "late") {
      this.#isFollowing = true;
      this.#town.after(random.between(9_000, 11_500), follow);
    } else if (manner !== "stay") {
      this.#isFollowing = true;
      this.#town.after(random.between(1, random.chance(0.2) ? 3_000 : 60), follow);
    }
    if (manner === "both" || manner === "stay") {
      const delayMs = random.between(1, 400);
      this.#town.after(delayMs, () => line.chat(this.host));
    }
  }

  #follow(old: Line, route: Extract<ClientReply, { type: "route" }>): void {
    const { identity, state } = old.conversation;
    if (state === "in") {
      this.#isFollowing = false;
      return;
    }
    const isReplaying = this.manner === "replay";
    this.#dial(route.host, identity, (line) => {
      this.#isFollowing = false;
      if (line === undefined) {
        if (this.line === undefined) this.#comeBackLater();
        return;
      }
      const roomid = route.roomid;
      const request = { type: "movejoin", former: "", roomid, identity } as const;
      line.say({ ...request, ticket: route.ticket });
      this.line = line;
      this.manner = undefined;
      this.#town.after(this.#random.between(1, 30), () => old.hangUp());
    });
    if (isReplaying) this.#replay(this.#random.pick(this.#passes));
  }

  /** Shows a pass that it has, or had, somewhere, as a thief would. */
  #replay({ pass, identity }: { readonly pass: string; readonly identity: string }): void {
    this.#dial(this.#random.pick(this.#town.serverIds), identity, (line) => {
      if (line === undefined) return;
      const request = { type: "movejoin", former: "", roomid: "x", identity } as const;
      line.say({ ...request, ticket: pass });
      this.#town.after(3_000, () => {
        if (line !== this.line) line.hangUp();
      });
    });
  }

  #act(): void {
    const isQuick = this.#random.chance(0.2);
    this.#town.after(this.#random.between(isQuick ? 20 : 300, isQuick ? 200 : 2_500), () =>
      this.#act(),
    );
    const { line } = this;
    const [oldest] = line?.conversation.pending ?? [];
    if (line !== undefined && oldest !== undefined) {
      if (this.#town.now - oldest.sentAt > patienceMs) this.lose();
    }
    if (line === undefined || line.conversation.state !== "in") return;
    this.#do(line, this.#random.weighted(deeds));
  }

  #do(line: Line, deed: Deed): void {
    const { isLively, serverIds } = this.#town;
    if (!isLively && !quietDeeds.has(deed)) return;
    switch (deed) {
      case "message":
        line.chat(this.host);
        return;
      case "burst":
        for (let left = 4; left > 0; left--) line.chat(this.host);
        return;
      case "flurry":
        for (const each of this.#random.sample(flurryDeeds, 3)) this.#do(line, each);
        return;
      case "hang-up":
        line.hangUp();
        return;
      case "nonsense":
        line.garble(utf8.encode('{"type":"joker"}\n'));
        return;
      default: {
        const view = { serverIds, own: line.conversation.room, listed: this.#rooms };
        line.say(requestOf(deed, this.#random, view));
      }
    }
  }
}
