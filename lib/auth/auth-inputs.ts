/**
 * The two doors of the authentication server: everything that can happen to it, and everything it
 * can want.
 *
 * @module
 */

import type { ConnectionId, Identity } from "../base/ids.ts";
import type { Instant } from "../machine.ts";
import type { AuthReply, AuthRequest } from "../wire/auth-messages.ts";
import type { Refusal } from "../wire/client-messages.ts";
import type { WireError } from "../wire/codec.ts";
import type { SignBytes, VerifyBytes } from "./ticket.ts";
import type { PasswordRecord, Users } from "./users.ts";

/** What signs new tickets and checks those that are shown for renewal. Both must be pure. */
export interface TicketKeys {
  readonly sign: SignBytes;
  readonly verify: VerifyBytes;
}

/** What happened. `at` never runs backwards. */
export type AuthInput =
  /** Time has passed: deadlines are due. */
  | { readonly type: "tick"; readonly at: Instant }
  /** Somebody connected from this address. */
  | {
      readonly type: "opened";
      readonly at: Instant;
      readonly connection: ConnectionId;
      readonly address: string;
    }
  /**
   * A line; `size` is its length, for the bound on what may wait. `unixSeconds` is the wall-clock
   * time, which tickets need, and `random` 16 fresh bytes: the ticket's id comes from them.
   */
  | {
      readonly type: "received";
      readonly at: Instant;
      readonly connection: ConnectionId;
      readonly message: AuthRequest;
      readonly size: number;
      readonly unixSeconds: number;
      readonly random: Uint8Array;
    }
  /** A line that is no request; after a fatal error no further line of the connection comes. */
  | {
      readonly type: "malformed";
      readonly at: Instant;
      readonly connection: ConnectionId;
      readonly error: WireError;
    }
  /** A connection is gone; exactly once for each that was opened. */
  | { readonly type: "closed"; readonly at: Instant; readonly connection: ConnectionId }
  /** The answer to a `hash`, exactly once; `undefined` when the hash could not be computed. */
  | {
      readonly type: "hashed";
      readonly at: Instant;
      readonly request: number;
      readonly matches: boolean | undefined;
    }
  /** The users file has changed. */
  | { readonly type: "users-changed"; readonly at: Instant; readonly users: Users }
  /** The keys have changed. */
  | { readonly type: "keys-changed"; readonly at: Instant; readonly keys: TicketKeys };

/** What to do, in this order, leaving none out. */
export type AuthEffect =
  | {
      readonly type: "send";
      readonly to: readonly ConnectionId[];
      readonly message: AuthReply;
    }
  /** Close once everything sent before has gone out. A `closed` input follows all the same. */
  | {
      readonly type: "close";
      readonly connection: ConnectionId;
      readonly reason: AuthCloseReason;
    }
  /** Read no more from a connection for now, or go on. */
  | { readonly type: "pause" | "resume"; readonly connection: ConnectionId }
  /**
   * Compute scrypt of the password and compare, in constant time. The record may be a dummy: it
   * must take the same way and the same time.
   */
  | {
      readonly type: "hash";
      readonly request: number;
      readonly password: string;
      readonly record: PasswordRecord;
    }
  /** Something worth a log line or a metric. */
  | { readonly type: "report"; readonly event: AuthEvent };

/** Why the server closed a connection. */
export type AuthCloseReason = "malformed" | "login-timeout" | "busy";

/**
 * What the server reports; the host writes it down. A user name stands in it only if there is such
 * a user: people type passwords into the wrong field.
 */
export type AuthEvent =
  | {
      readonly event: "login" | "renewal";
      readonly username: string;
      readonly identity: Identity;
      readonly ticketid: string;
    }
  | {
      readonly event: "login-refused" | "renewal-refused";
      readonly reason: Refusal;
      readonly address: string;
      readonly username?: string;
    }
  | {
      readonly event: "client-error";
      readonly connection: ConnectionId;
      readonly reason: WireError["reason"];
      readonly detail: string;
    }
  | { readonly event: "connection-refused"; readonly address: string };
