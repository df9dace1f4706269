/**
 * The two doors of the chat server: everything that can happen to it, and everything it can want.
 * Start reading here.
 *
 * @module
 */

import type { ConnectionId, Identity, RoomId, ServerId } from "../base/ids.ts";
import type { Instant } from "../machine.ts";
import type { AdminReply, AdminRequest } from "../wire/admin-messages.ts";
import type { ClientReply, ClientRequest, ErrorReason, Refusal } from "../wire/client-messages.ts";
import type { WireError } from "../wire/codec.ts";
import type { Address } from "../wire/fields.ts";
import type { PeerMessage } from "../wire/server-messages.ts";

/** What happened. `at` never runs backwards. */
export type ServerInput =
  /** Time has passed: deadlines are due. */
  | { readonly type: "tick"; readonly at: Instant }
  /**
   * Somebody connected. A peer and an admin are verified already: `certificateId` is the id that
   * the certificate proves.
   */
  | {
      readonly type: "opened";
      readonly at: Instant;
      readonly connection: ConnectionId;
      readonly role: "client";
    }
  | {
      readonly type: "opened";
      readonly at: Instant;
      readonly connection: ConnectionId;
      readonly role: "peer" | "admin";
      readonly certificateId: ServerId;
    }
  /** A line of a client; `size` is its length, for the bound on what may wait. */
  | {
      readonly type: "request";
      readonly at: Instant;
      readonly connection: ConnectionId;
      readonly request: ClientRequest;
      readonly size: number;
    }
  /** A line of a peer. `random` is 16 fresh bytes: the pass of a move comes from them. */
  | {
      readonly type: "peer-message";
      readonly at: Instant;
      readonly connection: ConnectionId;
      readonly message: PeerMessage;
      readonly random: Uint8Array;
    }
  /** A line of an admin. */
  | {
      readonly type: "admin-request";
      readonly at: Instant;
      readonly connection: ConnectionId;
      readonly request: AdminRequest;
    }
  /** A line that is none of these; after a fatal error no further line of the connection comes. */
  | {
      readonly type: "malformed";
      readonly at: Instant;
      readonly connection: ConnectionId;
      readonly error: WireError;
    }
  /** A connection is gone; exactly once for each that was opened or linked. */
  | { readonly type: "closed"; readonly at: Instant; readonly connection: ConnectionId }
  /** The answer to a `verify`. */
  | {
      readonly type: "verified";
      readonly at: Instant;
      readonly connection: ConnectionId;
      readonly request: number;
      readonly outcome: Verified;
    }
  /** The answer to a `dial`, exactly once. */
  | {
      readonly type: "dialled";
      readonly at: Instant;
      readonly dial: number;
      readonly outcome: DialOutcome;
    }
  /** The admin of this very process wants something: `drain` is SIGTERM. */
  | { readonly type: "command"; readonly at: Instant; readonly command: "drain" };

/** Whether a ticket is good, and what it says. */
export type Verified =
  | { readonly ok: true; readonly identity: Identity; readonly username: string }
  | { readonly ok: false; readonly reason: "ticket-invalid" | "ticket-expired" };

/** How a dial ended; the differences are what the failure detector lives on. */
export type DialOutcome =
  /** TLS is up and the certificate is that of a server (of the one dialled, if that was said). */
  | { readonly type: "link"; readonly connection: ConnectionId; readonly certificateId: ServerId }
  /** The host answered that nobody listens there: the process is dead. */
  | { readonly type: "refused" }
  /** No answer at all: the host or the way to it is gone. */
  | { readonly type: "silent" }
  /** TCP connects, TLS does not answer: the process stands still. */
  | { readonly type: "tls-silent" }
  /** TLS failed, or the certificate names another id: somebody else sits there. */
  | { readonly type: "tls-failed" | "other-id"; readonly detail: string };

/** What to do, in this order, leaving none out. Data, so that tests compare it. */
export type ServerEffect =
  /**
   * Send one message to many. The same `to` array is used again as long as the audience is the
   * same, so a host can format once, join a turn's messages by audience and share the bytes.
   */
  | {
      readonly type: "send";
      readonly to: readonly ConnectionId[];
      readonly except?: ConnectionId;
      readonly message: ClientReply | PeerMessage | AdminReply;
    }
  /** Close once everything sent before has gone out. A `closed` input follows all the same. */
  | { readonly type: "close"; readonly connection: ConnectionId; readonly reason: CloseReason }
  /** Read no more from a connection for now, or go on. */
  | { readonly type: "pause" | "resume"; readonly connection: ConnectionId }
  /** Connect to a peer; `serverid` is the id its certificate must name, if known. */
  | {
      readonly type: "dial";
      readonly dial: number;
      readonly address: Address;
      readonly serverid: ServerId | undefined;
      /**
       * A third server to go through: connect to it as to any peer, send it `relay` as the only
       * line, and make TLS to the one dialled over what that connection then carries.
       */
      readonly via?: Through;
    }
  /**
   * Carry the bytes of this connection to that address from now on, and back; no line of it is for
   * this server any longer. If that fails, close it. A `closed` input does not follow.
   */
  | { readonly type: "splice"; readonly connection: ConnectionId; readonly address: Address }
  /** Check a login ticket: signature, times, form. */
  | {
      readonly type: "verify";
      readonly connection: ConnectionId;
      readonly request: number;
      readonly ticket: string;
    }
  /** Something worth a log line or a metric. */
  | { readonly type: "report"; readonly event: ServerEvent }
  /** Keep this list on disk: in `majority` mode it is the next start's `roster`. */
  | { readonly type: "keep-roster"; readonly roster: readonly ServerId[] }
  /** The server has nothing left to do: end the process with this status. */
  | { readonly type: "stop"; readonly status: 0 | 1 };

/** A third server that carries the bytes of a link. */
export interface Through {
  readonly serverid: ServerId;
  readonly address: Address;
}

/** Why the server closed a connection. */
export type CloseReason =
  | "quit"
  | "refused"
  | "malformed"
  | "login-timeout"
  | "moved"
  | "shutdown"
  | "duplicate-link"
  | "evicted"
  | "disconnected"
  | "lost-name"
  | "no-quorum";

/** What the server reports; the host writes it down. `event` names it in the log line. */
export type ServerEvent =
  | {
      readonly event: "ready" | "quorum-lost" | "quorum-regained";
      readonly members: readonly ServerId[];
    }
  | { readonly event: "login"; readonly identity: Identity; readonly username: string }
  | {
      readonly event: "login-refused";
      readonly connection: ConnectionId;
      readonly reason: Refusal;
    }
  | { readonly event: "logout"; readonly identity: Identity; readonly reason: string }
  | { readonly event: "arrived"; readonly identity: Identity; readonly from: ServerId }
  | { readonly event: "routed"; readonly identity: Identity; readonly to: ServerId }
  | { readonly event: "room-created"; readonly roomid: RoomId; readonly owner: Identity }
  | { readonly event: "room-deleted"; readonly roomid: RoomId }
  | {
      readonly event: "client-error";
      readonly connection: ConnectionId;
      readonly reason: ErrorReason;
      readonly detail: string;
    }
  | { readonly event: "peer-error"; readonly peer: ServerId; readonly detail: string }
  | {
      readonly event: "link-made" | "link-lost";
      readonly member: ServerId;
      readonly incarnation: number;
    }
  | {
      readonly event:
        | "member-joined"
        | "member-replaced"
        | "member-suspect"
        | "member-alive"
        | "member-evicted"
        | "member-left";
      readonly member: ServerId;
      readonly incarnation: number;
      readonly reason: string;
    }
  | { readonly event: "introduction-refused"; readonly member: ServerId; readonly detail: string }
  | { readonly event: "dial-failed"; readonly address: string; readonly detail: string }
  | { readonly event: "join-failed"; readonly detail: string }
  | { readonly event: "draining" | "stopped"; readonly reason: string };
