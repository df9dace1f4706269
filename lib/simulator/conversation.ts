/**
 * What one client and one server have said to each other over one connection, and whether it makes
 * sense to the client: exactly one final answer per request, in order (I6); one room at a time
 * (I7); messages in order, only of people who are in the room (I10). It looks at nothing but lines.
 *
 * @module
 */

import type { ClientReply, ClientRequest } from "../wire/client-messages.ts";

/** A line of the client that may still be answered. */
export interface Asked {
  readonly request: ClientRequest | "nonsense";
  readonly sentAt: number;
  /** When the server had it, and how long its process had stood still by then. */
  readAt: number | undefined;
  stillMs: number;
}

/** Who hears what is said, if it reads. */
export interface Listener {
  readonly deafUntil: number;
  isReading(): boolean;
}

/** Called with the promise that is broken and how. */
export type Complain = (promise: string, detail: string) => void;

const nonsenseReasons: ReadonlySet<string> = new Set([
  "malformed",
  "unknown-type",
  "too-long",
  "not-utf8",
]);

const isHall = (roomid: string) => roomid.startsWith("MainHall-");

/** One connection, as its client sees it. */
export class Conversation {
  readonly identity: string;
  /** The room the client is in; `""` when it is not in. */
  room = "";
  state: "outside" | "in" | "routed" | "over" = "outside";
  /** Lines sent and not answered, oldest first. */
  readonly pending: Asked[] = [];
  /** Who else is in the room, if the client knows. */
  companions: Set<string> | undefined = undefined;
  /** How many answers and announcements were looked at. */
  looked = 0;
  readonly #complain: Complain;
  /** The latest own message that the server has read. */
  latestSaid: string | undefined = undefined;
  readonly #latest = new Map<string, number>();
  #unread: Asked[] = [];
  #expects: string | undefined;
  #isAnswered: (() => boolean) | undefined;
  #isGivenUp = false;
  /**
   * A way to a main hall may have been the answer to a join of it, or of the server's own will: a
   * room that was deleted, a drain. Then the answer to the join is still to come.
   */
  #maybeSpare = false;

  constructor(identity: string, complain: Complain) {
    this.identity = identity;
    this.#complain = complain;
  }

  /** The client has sent a line. */
  sent(request: ClientRequest | "nonsense", at: number): void {
    const asked: Asked = { request, sentAt: at, readAt: undefined, stillMs: 0 };
    this.#unread.push(asked);
    if (request === "nonsense" || request.type !== "message") this.pending.push(asked);
  }

  /** The server has taken the next line. */
  read(at: number, stillMs: number): void {
    const asked = this.#unread.shift();
    if (asked === undefined) return;
    const { request } = asked;
    if (request !== "nonsense" && request.type === "message") this.latestSaid = request.content;
    asked.readAt = at;
    asked.stillMs = stillMs;
  }

  /**
   * The server closes the connection: what it has read of it is answered by now. Only a crash, of
   * which `isStillSent` knows, may lose the answers on their way.
   */
  willEnd(isStillSent: () => boolean): void {
    this.#isAnswered = isStillSent;
  }

  /** The client does not wait for the rest: it hangs up, breaks off, or never reads. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /** The connection has ended. Whatever the server had read of it was to be answered before. */
  closed(): void {
    const [asked] = this.pending.filter(({ readAt }) => readAt !== undefined);
    const isWaiting = this.state === "outside" || this.state === "in";
    // Who was routed and has arrived elsewhere is answered there, or not at all (contract.md 5).
    const isOwed = this.#isAnswered?.() === true && !this.#isGivenUp;
    if (isOwed && isWaiting && asked !== undefined) {
      const what = `${this.identity} asked for ${nameOf(asked)}`;
      this.#complain("I6", `${what}, and the server closes without an answer`);
    }
    this.state = "over";
    this.room = "";
    this.#unread = [];
  }

  /** The client hears a line. */
  hears(reply: ClientReply): void {
    this.looked++;
    if (this.state === "over") {
      this.#complain("I6", `${this.identity} hears ${reply.type} after its farewell`);
      return;
    }
    switch (reply.type) {
      case "newidentity":
      case "serverchange":
        this.#admitted(reply.type, reply.approved === "true");
        return;
      case "roomlist":
        this.#answered("list");
        return;
      case "roomcontents":
        this.#contents(reply);
        return;
      case "servers":
        this.#answered("servers");
        return;
      case "createroom":
      case "deleteroom":
        this.#answered(reply.type, reply.roomid);
        if (reply.type === "createroom" && reply.approved === "true") this.#expects = reply.roomid;
        return;
      case "route":
        this.#routed(reply.roomid);
        return;
      case "roomchange":
        if (reply.identity === this.identity) this.#moved(reply);
        else this.#otherMoved(reply);
        return;
      case "message":
        this.#heardMessage(reply);
        return;
      case "error":
        this.#error(reply.reason);
    }
  }

  #admitted(type: "newidentity" | "serverchange", approved: boolean): void {
    this.#answered(type === "newidentity" ? "newidentity" : "movejoin");
    if (!approved) this.#end();
    else if (this.state === "outside") this.state = "in";
    else this.#complain("I7", `${this.identity} is admitted twice on one connection`);
  }

  #contents({ roomid, identities }: Extract<ClientReply, { type: "roomcontents" }>): void {
    this.#answered("who");
    if (roomid !== this.room) {
      this.#complain("I7", `${this.identity} is in ${this.room} and hears who is in ${roomid}`);
    }
    if (!identities.some((each) => each === this.identity)) {
      this.#complain("I7", `${this.identity} is in ${roomid}, but not among those who are`);
    }
    const others = new Set<string>(identities);
    if (others.size !== identities.length) {
      this.#complain("I7", `somebody is twice in ${roomid}: ${identities.join(" ")}`);
    }
    others.delete(this.identity);
    if (this.companions !== undefined && !sameMembers(this.companions, others)) {
      const known = [...this.companions].join(" ");
      const told = [...others].join(" ");
      this.#complain("I10", `${this.identity} has heard of "${known}" in ${roomid}, not "${told}"`);
    }
    this.companions = others;
  }

  #routed(roomid: string): void {
    const [head] = this.pending;
    if (head !== undefined && asks(head, "join", roomid)) {
      this.pending.shift();
      this.#maybeSpare = isHall(roomid);
    } else if (!isHall(roomid)) {
      this.#complain("I6", `${this.identity} is routed to ${roomid} and has not asked for it`);
    }
    if (this.state !== "in") this.#complain("I7", `${this.identity} is routed while ${this.state}`);
    this.state = "routed";
    this.room = roomid;
    this.companions = undefined;
  }

  #moved({ former, roomid, reason }: Extract<ClientReply, { type: "roomchange" }>): void {
    const [head] = this.pending;
    if (former === roomid) {
      const wanted = reason === "already-there" ? roomid : undefined;
      if (head !== undefined && asks(head, "join", wanted)) this.pending.shift();
      else if (this.#maybeSpare) this.#maybeSpare = false;
      else this.#complain("I6", `${this.identity} is refused a join that it has not asked for`);
      return;
    }
    if (roomid === "") {
      this.pending.length = 0;
      this.#end();
      return;
    }
    const isFirst = this.room === "" && this.state === "in";
    if (!isFirst && former !== this.room) {
      this.#complain("I7", `${this.identity} is in ${this.room} and moves from ${former}`);
    }
    if (this.#expects === roomid) {
      this.#expects = undefined;
    } else if (head !== undefined && asks(head, "join", roomid)) {
      this.pending.shift();
      this.#maybeSpare = isHall(roomid);
    } else if (!isFirst && !isHall(roomid)) {
      this.#complain("I6", `${this.identity} moves to ${roomid} and has not asked for it`);
    }
    if (this.state === "routed") this.state = "in";
    this.room = roomid;
    this.companions = undefined;
  }

  #otherMoved({ identity, former, roomid }: Extract<ClientReply, { type: "roomchange" }>): void {
    if (this.state !== "in" || (former !== this.room && roomid !== this.room)) {
      const what = `${identity} moves from ${former} to ${roomid}`;
      this.#complain("I10", `${this.identity} is ${this.state} in ${this.room}, hears: ${what}`);
    }
    if (roomid === this.room) this.companions?.add(identity);
    else if (former === this.room) {
      if (this.companions?.delete(identity) === false) {
        this.#complain(
          "I10",
          `${identity} leaves ${former}, where it was not for ${this.identity}`,
        );
      }
    }
  }

  #heardMessage({ identity, content }: Extract<ClientReply, { type: "message" }>): void {
    if (this.state !== "in") {
      this.#complain("I10", `${this.identity} hears a message while ${this.state}`);
    }
    if (this.companions !== undefined && !this.companions.has(identity)) {
      const detail = `${this.identity} hears ${identity}, who is not in ${this.room}`;
      this.#complain("I10", detail);
    }
    const [speaker = "", number = ""] = content.split(".");
    const latest = this.#latest.get(speaker);
    if (latest !== undefined && Number(number) <= latest) {
      this.#complain("I10", `${this.identity} hears ${content} after ${speaker}.${latest}`);
    }
    this.#latest.set(speaker, Number(number));
  }

  #error(reason: string): void {
    const [head] = this.pending;
    if (reason === "login-required" && (head === undefined || this.state === "outside")) {
      if (head !== undefined && this.state === "outside") this.pending.shift();
      return;
    }
    if (head === undefined && reason === "busy" && this.#maybeSpare) {
      this.#maybeSpare = false;
      return;
    }
    if (head === undefined) {
      this.#complain("I6", `${this.identity} hears an error (${reason}) and has asked for nothing`);
      return;
    }
    const { request } = head;
    const isNonsense = request === "nonsense";
    const isAgain = !isNonsense && (request.type === "newidentity" || request.type === "movejoin");
    const isWordless = !isNonsense && ["list", "who", "servers"].includes(request.type);
    const fits =
      (reason === "busy" && (isWordless || this.state === "routed" || isAgain)) ||
      (reason === "already-logged-in" && isAgain) ||
      (isNonsense && nonsenseReasons.has(reason));
    if (!fits) {
      const what = isNonsense ? request : request.type;
      this.#complain("I6", `${this.identity} asks for ${what} and hears an error: ${reason}`);
    }
    this.pending.shift();
  }

  /** Takes the oldest request off, which must be of this type. */
  #answered(type: ClientRequest["type"], roomid?: string): void {
    const [head] = this.pending;
    if (head === undefined || !asks(head, type, roomid)) {
      const asked = head === undefined ? "nothing" : nameOf(head);
      this.#complain("I6", `${this.identity} has asked for ${asked} and hears about ${type}`);
      return;
    }
    this.pending.shift();
  }

  #end(): void {
    this.state = "over";
    this.room = "";
  }
}

/** What a request is called in a complaint. */
export function nameOf({ request }: Asked): string {
  if (request === "nonsense") return request;
  return "roomid" in request ? `${request.type} ${request.roomid}` : request.type;
}

function asks({ request }: Asked, type: ClientRequest["type"], roomid?: string): boolean {
  if (request === "nonsense" || request.type !== type) return false;
  return roomid === undefined || ("roomid" in request && request.roomid === roomid);
}

function sameMembers(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((each) => other.has(each));
}
