/**
 * What a client has to tell a person, as data. The words are in `transcript.ts` and `trouble.ts`; a
 * program reads the kinds instead.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import type { ClientReply, Refusal } from "../wire/client-messages.ts";
import type { Address } from "../wire/fields.ts";

/** Why a connection could not be opened; `detail` is the runtime's own word for it. */
export interface DialFailure {
  readonly kind:
    | "refused"
    | "unknown-host"
    | "unreachable"
    | "untrusted"
    | "wrong-name"
    | "timeout"
    | "other";
  readonly detail: string;
}

/** Something for the person; `transcript.ts` has the words. */
export type Shown =
  | { readonly kind: "reply"; readonly reply: ClientReply }
  | { readonly kind: "switched"; readonly serverid: ServerId }
  | { readonly kind: "switch-failed"; readonly reason?: Refusal; readonly detail?: string }
  | { readonly kind: "help" | "invalid-command" | "line-too-long" }
  /** Every second while the client waits for its next try. */
  | { readonly kind: "countdown"; readonly seconds: number }
  | { readonly kind: "trouble"; readonly trouble: Trouble };

/** What went wrong outside the protocol's own answers, or how it goes on. */
export type Trouble =
  | {
      readonly what: "cannot-connect";
      readonly purpose: "auth" | "chat";
      readonly where: Address;
      readonly why: DialFailure;
    }
  | {
      readonly what: "login-refused";
      readonly purpose: "auth" | "chat";
      readonly where: Address;
      readonly reason: string;
      readonly retryAfterMs?: number;
    }
  | { readonly what: "auth-unknown"; readonly where: Address }
  | { readonly what: "dismissed" | "silent"; readonly where: Address }
  | { readonly what: "lost" | "not-understood"; readonly where: Address; readonly detail: string }
  | {
      readonly what: "retrying";
      readonly where: Address;
      readonly inMs: number;
      /** After a try that failed as the one before did. */
      readonly again: boolean;
    }
  | { readonly what: "back"; readonly where: Address }
  | { readonly what: "unsent"; readonly count: number }
  | { readonly what: "left-early" };
