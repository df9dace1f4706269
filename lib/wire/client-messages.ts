/**
 * What a client and a chat server say to each other. Names in requests are plain texts: an unfit
 * one is refused in the request's own words, not as malformed. Source: PROTOCOL.md section 3.
 *
 * @module
 */

import * as v from "valibot";
import type { Identity, RoomId, ServerId } from "../base/ids.ts";
import { type Vocabulary, vocabulary, type WireError } from "./codec.ts";
import { type Flag, flagField, text } from "./fields.ts";

/** Why a request was refused. `busy` and `no-quorum` mean: try again. */
export type Refusal =
  | "login-required"
  | "ticket-invalid"
  | "ticket-expired"
  | "credentials"
  | "throttled"
  | "identity-invalid"
  | "identity-in-use"
  | "identity-reserved"
  | "room-invalid"
  | "room-exists"
  | "no-such-room"
  | "owns-room"
  | "not-owner"
  | "already-there"
  | "busy"
  | "no-quorum"
  | "draining"
  | "unreachable";

/** Why a line was answered with an `error`. */
export type ErrorReason = WireError["reason"] | "login-required" | "already-logged-in" | "busy";

/** What a client may ask. */
export type ClientRequest =
  | { readonly type: "newidentity"; readonly identity: string; readonly ticket?: string }
  | {
      readonly type: "movejoin";
      readonly former: string;
      readonly roomid: string;
      readonly identity: string;
      /** The pass of the move; one of the real clients puts it into `username` instead. */
      readonly ticket?: string;
    }
  | { readonly type: "list" | "who" | "quit" | "servers" }
  | { readonly type: "createroom" | "join" | "deleteroom"; readonly roomid: string }
  | { readonly type: "message"; readonly content: string };

/** What a client must be ready to read. Unknown types are to be ignored. */
export type ClientReply =
  | {
      readonly type: "newidentity";
      readonly approved: Flag;
      readonly reason?: Refusal;
      readonly authhost?: string;
      readonly authport?: string;
    }
  | {
      readonly type: "serverchange";
      readonly approved: Flag;
      readonly serverid: ServerId;
      readonly reason?: Refusal;
    }
  | {
      readonly type: "roomchange";
      readonly identity: Identity;
      readonly former: RoomId | "";
      readonly roomid: RoomId | "";
      readonly reason?: Refusal;
    }
  | { readonly type: "roomlist"; readonly rooms: readonly RoomId[] }
  | {
      readonly type: "roomcontents";
      readonly roomid: RoomId;
      readonly identities: readonly Identity[];
      readonly owner: Identity | "";
    }
  | {
      readonly type: "createroom" | "deleteroom";
      readonly roomid: string;
      readonly approved: Flag;
      readonly reason?: Refusal;
    }
  | {
      readonly type: "route";
      readonly roomid: RoomId;
      readonly host: string;
      readonly port: string;
      readonly ticket: string;
      readonly username: string;
    }
  | { readonly type: "message"; readonly identity: Identity; readonly content: string }
  | { readonly type: "servers"; readonly servers: readonly ListedServer[] }
  | { readonly type: "error"; readonly reason: ErrorReason; readonly detail: string };

/** One server, as clients learn of it. */
export interface ListedServer {
  readonly serverid: ServerId;
  readonly host: string;
  readonly port: string;
  readonly status: "alive" | "suspect" | "leaving";
}

const bare = <Type extends "list" | "who" | "quit" | "servers">(type: Type) =>
  v.object({ type: v.literal(type) });
const ofRoom = <Type extends "createroom" | "join" | "deleteroom">(type: Type) =>
  v.object({ type: v.literal(type), roomid: text });

/** Reads {@link ClientRequest}. `joinroom` is another word for `join`. */
export const clientRequests: Vocabulary<ClientRequest> = vocabulary<ClientRequest>({
  newidentity: v.object({
    type: v.literal("newidentity"),
    identity: text,
    ticket: v.exactOptional(text),
  }),
  movejoin: v.pipe(
    v.object({
      type: v.literal("movejoin"),
      former: text,
      roomid: text,
      identity: text,
      ticket: v.exactOptional(text),
      username: v.exactOptional(v.nullable(text)),
    }),
    v.transform(({ username, ticket, ...request }) => {
      const pass = ticket ?? username ?? undefined;
      return pass === undefined ? request : { ...request, ticket: pass };
    }),
  ),
  list: bare("list"),
  who: bare("who"),
  quit: bare("quit"),
  servers: bare("servers"),
  createroom: ofRoom("createroom"),
  join: ofRoom("join"),
  joinroom: v.pipe(
    v.object({ type: v.literal("joinroom"), roomid: text }),
    v.transform(({ roomid }) => ({ type: "join" as const, roomid })),
  ),
  deleteroom: ofRoom("deleteroom"),
  message: v.object({ type: v.literal("message"), content: text }),
});

const brandedText = <Brand extends string>() =>
  v.custom<Brand>((value) => typeof value === "string", "a text");
const identity = brandedText<Identity>();
const roomid = brandedText<RoomId>();
const serverid = brandedText<ServerId>();
const reason = v.exactOptional(brandedText<Refusal>());
const ofOwnRoom = <Type extends "createroom" | "deleteroom">(type: Type) =>
  v.object({ type: v.literal(type), roomid: text, approved: flagField, reason });

/** Reads {@link ClientReply}; as tolerant of names as clients must be. */
export const clientReplies: Vocabulary<ClientReply> = vocabulary<ClientReply>({
  newidentity: v.object({
    type: v.literal("newidentity"),
    approved: flagField,
    reason,
    authhost: v.exactOptional(text),
    authport: v.exactOptional(text),
  }),
  serverchange: v.object({
    type: v.literal("serverchange"),
    approved: flagField,
    serverid,
    reason,
  }),
  roomchange: v.object({
    type: v.literal("roomchange"),
    identity,
    former: roomid,
    roomid,
    reason,
  }),
  roomlist: v.object({ type: v.literal("roomlist"), rooms: v.array(roomid) }),
  roomcontents: v.object({
    type: v.literal("roomcontents"),
    roomid,
    identities: v.array(identity),
    owner: identity,
  }),
  createroom: ofOwnRoom("createroom"),
  deleteroom: ofOwnRoom("deleteroom"),
  route: v.object({
    type: v.literal("route"),
    roomid,
    host: text,
    port: text,
    ticket: v.optional(text, ""),
    username: v.optional(text, ""),
  }),
  message: v.object({ type: v.literal("message"), identity, content: text }),
  servers: v.object({
    type: v.literal("servers"),
    servers: v.array(
      v.object({
        serverid,
        host: text,
        port: text,
        status: v.picklist(["alive", "suspect", "leaving"]),
      }),
    ),
  }),
  error: v.object({
    type: v.literal("error"),
    reason: brandedText<ErrorReason>(),
    detail: text,
  }),
});
