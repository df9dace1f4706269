/**
 * What an admin asks a chat server over its peer port, with a certificate of the role `admin`.
 * Source: PROTOCOL.md section 9.
 *
 * @module
 */

import * as v from "valibot";
import type { ServerId } from "../base/ids.ts";
import { type Vocabulary, vocabulary } from "./codec.ts";
import { type Flag, flagField, serverIdField, text, usernameField } from "./fields.ts";

/** What an admin may ask. */
export type AdminRequest =
  | { readonly type: "status" | "drain" }
  | { readonly type: "remove"; readonly serverid: ServerId }
  | { readonly type: "disconnect"; readonly username: string };

/** One row of a status: a member as the server that was asked sees it. */
export interface MemberStatus {
  readonly serverid: ServerId;
  readonly status: string;
  readonly incarnation: number;
  readonly rooms: number;
  /** Users on it; known of the server that was asked and of those that told it, else -1. */
  readonly users: number;
  /** Milliseconds since it was last heard; 0 for the server that was asked. */
  readonly silentms: number;
  readonly link: string;
  readonly host: string;
  readonly clientport: string;
  readonly peerhost: string;
  readonly peerport: string;
}

/** The answer to an {@link AdminRequest}. */
export type AdminReply =
  | {
      readonly type: "status";
      readonly serverid: ServerId;
      readonly partition: string;
      readonly members: readonly MemberStatus[];
    }
  | {
      readonly type: "drain" | "remove" | "disconnect";
      readonly approved: Flag;
      readonly detail: string;
    }
  | { readonly type: "error"; readonly reason: string; readonly detail: string };

/** Reads {@link AdminRequest}. */
export const adminRequests: Vocabulary<AdminRequest> = vocabulary<AdminRequest>({
  status: v.object({ type: v.literal("status") }),
  drain: v.object({ type: v.literal("drain") }),
  remove: v.object({ type: v.literal("remove"), serverid: serverIdField }),
  disconnect: v.object({ type: v.literal("disconnect"), username: usernameField }),
});

const outcome = <Type extends "drain" | "remove" | "disconnect">(type: Type) =>
  v.object({ type: v.literal(type), approved: flagField, detail: text });

/** Reads {@link AdminReply}. */
export const adminReplies: Vocabulary<AdminReply> = vocabulary<AdminReply>({
  status: v.object({
    type: v.literal("status"),
    serverid: serverIdField,
    partition: text,
    members: v.array(
      v.object({
        serverid: serverIdField,
        status: text,
        incarnation: v.number(),
        rooms: v.number(),
        users: v.number(),
        silentms: v.number(),
        link: text,
        host: text,
        clientport: text,
        peerhost: text,
        peerport: text,
      }),
    ),
  }),
  drain: outcome("drain"),
  remove: outcome("remove"),
  disconnect: outcome("disconnect"),
  error: v.object({ type: v.literal("error"), reason: text, detail: text }),
});
