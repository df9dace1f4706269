/**
 * The records that a chat server's state is made of. Plain data; what may happen to them is said in
 * the file of each conversation.
 *
 * @module
 */

import type { List, Map as PersistentMap } from "immutable";
import type { ConnectionId, Identity, RoomId, ServerId } from "../base/ids.ts";
import type { Ballot } from "../lock/ballot.ts";
import type { Attempt, LockName } from "../lock/lock-table.ts";
import type { Instant } from "../machine.ts";
import type { ClientRequest } from "../wire/client-messages.ts";
import type { WireError } from "../wire/codec.ts";
import type { Address } from "../wire/fields.ts";
import type { Holdings, ListedMember, NewServer, ServerReply } from "../wire/server-messages.ts";
import type { DialOutcome, Through } from "./inputs.ts";

/** A connection of a client. */
export interface Client {
  readonly connection: ConnectionId;
  /** Set once it has logged in. */
  readonly identity: Identity | undefined;
  readonly activity: Activity;
  /** Lines that wait for the one before them. */
  readonly backlog: List<Line>;
  readonly backlogSize: number;
  readonly paused: boolean;
  /** When a client that keeps to its rate would be due to speak next. */
  readonly paceAt: Instant;
}

/** What a client waits for; its next line is taken when it is `idle` again. */
export type Activity =
  | { readonly type: "idle" | "paced" | "closing" }
  | {
      readonly type: "verifying";
      readonly request: number;
      readonly identity: Identity;
      readonly readAt: Instant;
    }
  | { readonly type: "claiming"; readonly name: LockName }
  | { readonly type: "announcing" | "routed"; readonly move: number };

/** One line of a client, good or bad, and when it was read. */
export interface Line {
  readonly content:
    | { readonly request: ClientRequest; readonly error?: never }
    | { readonly request?: never; readonly error: WireError };
  readonly size: number;
  readonly readAt: Instant;
}

/** A user who is in. The connection of a mover may be gone already. */
export interface Session {
  readonly identity: Identity;
  readonly username: string;
  /** When the identity was claimed (wall clock); a move does not change it. */
  readonly claimedAt: number;
  readonly connection: ConnectionId | undefined;
  /** The room it is in; of a mover that was routed, the room it is routed to. */
  readonly roomid: RoomId;
  readonly move: Move | undefined;
}

/** A move to another server, as the server that is left sees it. */
export interface Move {
  readonly number: number;
  readonly target: ServerId;
  readonly roomid: RoomId;
  /**
   * Announced: the target has not answered. Routed: only the target ends it. Ending: it is asked
   * to.
   */
  readonly phase: "announced" | "routed" | "ending";
  /** Whether the user asked for it; a server that drains moves users by itself. */
  readonly wanted: boolean;
}

/** A mover on its way here, as the target sees it. */
export interface Reservation {
  readonly identity: Identity;
  readonly username: string;
  readonly claimedAt: number;
  readonly from: ServerId;
  readonly move: number;
  readonly former: RoomId;
  readonly roomid: RoomId;
  readonly pass: string;
}

/** How a move to here ended. */
export interface EndedMove {
  readonly identity: Identity;
  readonly from: ServerId;
  readonly move: number;
  readonly arrived: boolean;
}

/** A room of this server. */
export interface Room {
  readonly roomid: RoomId;
  /** `""`: the main hall. */
  readonly owner: Identity | "";
  readonly claimedAt: number;
  readonly members: RoomMembers;
}

/** Who is in a room, and over which connection. */
export type RoomMembers = PersistentMap<Identity, ConnectionId>;

/** A room of another server. */
export interface RemoteRoom {
  readonly server: ServerId;
  readonly claimedAt: number;
}

/** An identity or a room that a client of this server wants. */
export interface Claim {
  readonly connection: ConnectionId;
  readonly identity: Identity;
  readonly purpose:
    | { readonly type: "login"; readonly username: string }
    | { readonly type: "createroom"; readonly roomid: RoomId };
  readonly deadline: Instant;
  /** The attempt under vote; none while the claim waits for another attempt's end. */
  readonly ballot: Ballot | undefined;
  /** How often it gave way to older attempts, and when it may ask again. */
  readonly yields: number;
  readonly askAt: Instant;
}

/** Another server as somebody to dial and to keep a link with. */
export interface Peer {
  readonly address: Address;
  readonly link: ConnectionId | undefined;
  readonly dial: number | undefined;
  /** Dials that failed since it last answered. */
  readonly failures: number;
  /** When the link was made. */
  readonly linkedAt: Instant;
  /** The highest introduction of it that was taken. */
  readonly sequence: number;
  /** The number of the latest change of its rooms that is known here. */
  readonly roomChange: number;
  readonly heardAt: Instant;
  /** The number of the latest heartbeat heard from it. */
  readonly heartbeat: number;
  /** The own incarnation that it has taken as a member, or 0. */
  readonly knownAs: number;
  /** When the latest own heartbeat was sent that it has acknowledged. */
  readonly acknowledgedAt: Instant;
  /** When anybody last named it as a member, or as somebody about to become one. */
  readonly listedAt: Instant;
  /** Who has said last that it is alive: if we can't reach it, the link runs through that one. */
  readonly listedBy: ServerId | undefined;
  /** How many users it has, as it last said. */
  readonly users: number;
}

/** A heartbeat that was sent to everybody. */
export interface Beat {
  readonly number: number;
  readonly sentAt: Instant;
}

/** What is known against a member since it fell silent. */
export interface Suspicion {
  /** How the latest dial of it ended; silence does not count after TCP has answered. */
  readonly outcome: Exclude<DialOutcome["type"], "link"> | undefined;
  /** Dials in a row that were refused. */
  readonly refusals: number;
  /** Another member has evicted it. */
  readonly told: boolean;
  /** The others, asked whether they still hear it. */
  readonly round: Round | undefined;
}

/** One round of asking before an eviction. */
export interface Round {
  readonly askedAt: Instant;
  readonly asked: ReadonlySet<ServerId>;
  /** Who has answered, and whether it hears the suspect. */
  readonly answers: ReadonlyMap<ServerId, boolean>;
}

/** A connection to a peer. */
export interface Link {
  readonly connection: ConnectionId;
  readonly peer: ServerId;
  readonly dialled: boolean;
  /** Whether it runs through a third server; then a direct one is tried on. */
  readonly relayed: boolean;
  /**
   * Accepted: the other's introduction has not come. Introducing: own one sent, no answer yet.
   * Contested: the other claims to replace an older incarnation, which is being asked.
   */
  readonly phase: "accepted" | "introducing" | "contested" | "open";
  readonly newserver: NewServer | undefined;
  readonly serverreply: Extract<ServerReply, { approved: "true" }> | undefined;
  /** Parts of lists whose last part has not come. */
  readonly holdings: readonly Holdings[];
  readonly members: readonly ListedMember[];
}

/** A dial under way. */
export interface Dial {
  readonly serverid: ServerId | undefined;
  readonly address: Address;
  readonly via?: Through;
}

/** What is to be looked at when its time has come; stale ones are ignored then. */
export type Deadline =
  | { readonly type: "login" | "overdue" | "pace"; readonly connection: ConnectionId }
  | { readonly type: "claim"; readonly name: LockName; readonly connection: ConnectionId }
  | { readonly type: "ask"; readonly name: LockName }
  | { readonly type: "lease"; readonly name: LockName; readonly attempt: Attempt }
  | { readonly type: "announced"; readonly identity: Identity; readonly move: number }
  | { readonly type: "reservation"; readonly identity: Identity; readonly pass: string }
  | { readonly type: "redial"; readonly serverid: ServerId }
  | { readonly type: "watch"; readonly serverid: ServerId; readonly incarnation: number }
  | { readonly type: "veto"; readonly serverid: ServerId }
  | { readonly type: "redial-contact"; readonly address: Address }
  | { readonly type: "contested" | "introduced"; readonly connection: ConnectionId }
  | { readonly type: "ghost"; readonly ghost: ServerId }
  | { readonly type: "start" | "gathered" | "heartbeat" | "fence" | "drain" | "drained" };
