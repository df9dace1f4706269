/**
 * What the users of a simulated cluster need of the world around them.
 *
 * @module
 */

import type { Conversation, Listener } from "./conversation.ts";
import type { End, Place } from "./end.ts";

/** What a user needs of the world around it. */
export interface Town {
  readonly now: number;
  readonly serverIds: readonly string[];
  /** Whether users still create, delete, move and leave, or only talk. */
  readonly isLively: boolean;
  after(delayMs: number, run: () => void): void;
  connect(place: Place, server: string, done: (end: End | undefined) => void): void;
  write(end: End, bytes: Uint8Array): void;
  hangUp(end: End): void;
  breakOff(end: End): void;
  /** A ticket of the authentication server, or none if that does not answer. */
  ticketFor(username: string, identity: string): string | undefined;
  /** A conversation begins at this end of the server's. */
  begins(end: End, conversation: Conversation, user: Listener): void;
  complain(promise: string, detail: string): void;
}
