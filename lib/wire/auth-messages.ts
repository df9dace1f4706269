/**
 * What a client and the authentication server say to each other. Source: PROTOCOL.md section 4.
 *
 * @module
 */

import * as v from "valibot";
import type { Refusal } from "./client-messages.ts";
import { type Vocabulary, vocabulary, type WireError } from "./codec.ts";
import { text } from "./fields.ts";

/** A login with a password, or a ticket that still lives for a new one. */
export type AuthRequest =
  | {
      readonly type: "login";
      readonly username: string;
      readonly password: string;
      /** The identity the ticket is to be bound to; absent: the user name. */
      readonly identity?: string;
    }
  | { readonly type: "login"; readonly ticket: string };

/** The answer; `expires` and `retryafter` are seconds, as texts. */
export type AuthReply =
  | {
      readonly type: "login";
      readonly approved: "true";
      readonly ticket: string;
      readonly expires: string;
    }
  | {
      readonly type: "login";
      readonly approved: "false";
      readonly reason: Refusal;
      readonly retryafter?: string;
    }
  | {
      readonly type: "error";
      readonly reason: WireError["reason"] | "busy";
      readonly detail: string;
    };

/** Reads {@link AuthRequest}. With both a ticket and a password the ticket counts. */
export const authRequests: Vocabulary<AuthRequest> = vocabulary<AuthRequest>({
  login: v.lazy((input) =>
    typeof input === "object" && input !== null && "ticket" in input
      ? v.object({ type: v.literal("login"), ticket: text })
      : v.object({
          type: v.literal("login"),
          username: text,
          password: text,
          identity: v.exactOptional(text),
        }),
  ),
});

const reason: v.GenericSchema<unknown, Refusal> = v.custom<Refusal>(
  (value) => typeof value === "string",
  "a text",
);

/** Reads {@link AuthReply}. */
export const authReplies: Vocabulary<AuthReply> = vocabulary<AuthReply>({
  login: v.variant("approved", [
    v.object({
      type: v.literal("login"),
      approved: v.literal("true"),
      ticket: text,
      expires: text,
    }),
    v.object({
      type: v.literal("login"),
      approved: v.literal("false"),
      reason,
      retryafter: v.exactOptional(text),
    }),
  ]),
  error: v.object({
    type: v.literal("error"),
    reason: v.picklist(["malformed", "unknown-type", "too-long", "not-utf8", "busy"]),
    detail: text,
  }),
});
