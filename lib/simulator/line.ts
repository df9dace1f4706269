/**
 * One connection of a user: what is said on it, and how it is given up.
 *
 * @module
 */

import type { ClientRequest } from "../wire/client-messages.ts";
import type { Conversation } from "./conversation.ts";
import type { End } from "./end.ts";
import type { Town } from "./town.ts";

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

const utf8 = new TextEncoder();

/** One connection of a user. */
export class Line {
  readonly server: string;
  readonly end: End;
  readonly conversation: Conversation;
  readonly #town: Town;
  /** How many messages were said on it. */
  #said = 0;

  constructor(town: Town, server: string, end: End, conversation: Conversation) {
    this.#town = town;
    this.server = server;
    this.end = end;
    this.conversation = conversation;
  }

  /** Sends a request. */
  say(request: ClientRequest): void {
    if (this.end.status !== "open") return;
    this.conversation.sent(request, this.#town.now);
    this.#town.write(this.end, utf8.encode(`${JSON.stringify(request)}\n`));
  }

  /** Sends a message; no two are equal, and each tells whether one before it is missing. */
  chat(host: string): void {
    this.say({ type: "message", content: `${host}-${this.end.id}.${++this.#said}` });
  }

  /** Sends what is no request, in one line or without an end. */
  garble(bytes: Uint8Array): void {
    if (this.end.status !== "open") return;
    this.conversation.sent("nonsense", this.#town.now);
    this.#town.write(this.end, bytes);
  }

  /** Ends the connection as clients do; what is still on its way to here is not waited for. */
  hangUp(): void {
    this.conversation.giveUp();
    this.#town.hangUp(this.end);
  }

  /** The connection breaks. */
  breakOff(): void {
    this.conversation.giveUp();
    this.#town.breakOff(this.end);
  }
}
