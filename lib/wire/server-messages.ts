/**
 * What two chat servers say to each other. `serverid` is always the speaker; who claims another id
 * is cut off. Source: PROTOCOL.md sections 6 to 8.
 *
 * @module
 */

import type { Identity, RoomId, ServerId } from "../base/ids.ts";
import type { Refusal } from "./client-messages.ts";
import type { Flag } from "./fields.ts";

/** The version of the protocol between servers; another one is refused at introduction. */
export const protocolVersion: number = 1;

/** The most entries of one list in one message; longer lists come in parts. */
export const listEntriesMax: number = 1000;

/** Who a server is and where it can be reached. */
export interface Introduction {
  readonly serverid: ServerId;
  readonly incarnation: number;
  /** Where clients reach it. */
  readonly host: string;
  readonly clientport: string;
  /** Where peers reach it. */
  readonly peerhost: string;
  readonly peerport: string;
}

/** Why an introduction was refused. */
export type IntroductionRefusal =
  | "version"
  | "mode"
  | "id-taken"
  | "evicted"
  | "removed"
  | "incarnation"
  | "no-quorum";

/** A room of the speaker and when it was claimed (wall-clock milliseconds). */
export interface HeldRoom {
  readonly roomid: RoomId;
  readonly claimedat: number;
}

/** An identity that the speaker holds, by whom and since when (wall-clock milliseconds). */
export interface HeldIdentity {
  readonly identity: Identity;
  readonly username: string;
  readonly claimedat: number;
}

/** An attempt of the speaker that is still open. */
export interface OpenAttempt {
  readonly kind: "identity" | "room";
  readonly name: string;
  readonly stamp: number;
}

/** A member as the speaker sees it; `introducing` is one it has not reached itself yet. */
export interface ListedMember extends Introduction {
  readonly status: "alive" | "suspect" | "leaving" | "dead" | "introducing";
}

/** One message between servers. */
export type PeerMessage =
  | NewServer
  | ServerReply
  | Holdings
  | Members
  | LockIdentity
  | ReleaseIdentity
  | LockRoom
  | ReleaseRoom
  | DeleteRoom
  | MoveIdentity
  | EndMove
  | MoveEnded
  | Heartbeat
  | Hearsay
  | Evicted
  | { readonly type: "askrooms" | "askmembers"; readonly serverid: ServerId }
  /** Instead of an introduction: the bytes of this connection are for another member. */
  | { readonly type: "relay"; readonly serverid: ServerId; readonly target: ServerId }
  | {
      readonly type: "leaving" | "leave";
      readonly serverid: ServerId;
      readonly incarnation: number;
    }
  | { readonly type: "disconnect"; readonly serverid: ServerId; readonly username: string }
  | PeerError;

/** The answer to a line that is no message, or that no server would send. It is never answered. */
export interface PeerError {
  readonly type: "error";
  readonly serverid?: ServerId;
  readonly reason: string;
  readonly detail: string;
}

/** The first message on a link, by who dialled; its {@link Holdings} follow at once. */
export interface NewServer extends Introduction {
  readonly type: "newserver";
  readonly version: number;
  readonly partition: "available" | "majority";
  /** Counts the introductions this server has sent: tells an overtaken one from a new one. */
  readonly sequence: number;
  /** The highest incarnation of the other server that this one has evicted, or 0. */
  readonly evicted: number;
}

/**
 * The answer to {@link NewServer}; approved, {@link Members} and {@link Holdings} follow at once.
 */
export type ServerReply =
  | (Introduction & {
      readonly type: "serverreply";
      readonly approved: "true";
      readonly sequence: number;
    })
  | {
      readonly type: "serverreply";
      readonly approved: "false";
      readonly serverid: ServerId;
      readonly reason: IntroductionRefusal;
      readonly detail: string;
      /**
       * The highest incarnation of the refused server that is known: it has to come with a higher
       * one.
       */
      readonly incarnation: number;
    };

/** What the speaker holds, in parts; replaces what was known of it when the last part is there. */
export interface Holdings {
  readonly type: "holdings";
  readonly serverid: ServerId;
  /** The number of the latest change of the speaker's rooms. */
  readonly change: number;
  readonly rooms: readonly HeldRoom[];
  readonly identities: readonly HeldIdentity[];
  readonly attempts: readonly OpenAttempt[];
  readonly last: Flag;
}

/** Everybody the speaker knows, in parts. */
export interface Members {
  readonly type: "members";
  readonly serverid: ServerId;
  readonly members: readonly ListedMember[];
  readonly last: Flag;
}

/** Asks for a vote, or with `locked` is one; `stamp` is that of the attempt voted on. */
export interface LockIdentity {
  readonly type: "lockidentity";
  readonly serverid: ServerId;
  readonly identity: Identity;
  readonly stamp: number;
  readonly locked?: Flag;
  /** Why not, in a vote of a server that may not grant anything just now. */
  readonly reason?: Refusal;
}

/** Ends the speaker's attempt. */
export interface ReleaseIdentity {
  readonly type: "releaseidentity";
  readonly serverid: ServerId;
  readonly identity: Identity;
  readonly stamp: number;
}

/** As {@link LockIdentity}, for a room. */
export interface LockRoom {
  readonly type: "lockroomid";
  readonly serverid: ServerId;
  readonly roomid: RoomId;
  readonly stamp: number;
  readonly locked?: Flag;
  readonly reason?: Refusal;
}

/** Ends the speaker's attempt; approved, the room is the speaker's from now on. */
export interface ReleaseRoom {
  readonly type: "releaseroomid";
  readonly serverid: ServerId;
  readonly roomid: RoomId;
  readonly stamp: number;
  readonly approved: Flag;
  readonly claimedat: number;
  readonly change: number;
}

/** A room of the speaker is no more. */
export interface DeleteRoom {
  readonly type: "deleteroom";
  readonly serverid: ServerId;
  readonly roomid: RoomId;
  readonly change: number;
}

/** Announces a mover to the target of its move, or with `approved` is the target's answer. */
export type MoveIdentity =
  | {
      readonly type: "moveidentity";
      readonly serverid: ServerId;
      readonly identity: Identity;
      /** Numbers the moves of the server that the mover leaves. */
      readonly move: number;
      readonly username: string;
      readonly claimedat: number;
      readonly former: string;
      readonly roomid: string;
      readonly approved?: never;
    }
  | {
      readonly type: "moveidentity";
      readonly serverid: ServerId;
      readonly identity: Identity;
      readonly move: number;
      readonly approved: Flag;
      /** The one-time pass, when approved. */
      readonly pass?: string;
      readonly reason?: Refusal;
    };

/** The server that the mover left asks the target to end a move, or, `acknowledged`, forgets it. */
export interface EndMove {
  readonly type: "endmove";
  readonly serverid: ServerId;
  readonly identity: Identity;
  readonly move: number;
  readonly acknowledged: Flag;
}

/** The target of a move reports how it ended; repeated until acknowledged. */
export interface MoveEnded {
  readonly type: "moveended";
  readonly serverid: ServerId;
  readonly identity: Identity;
  readonly move: number;
  readonly arrived: Flag;
}

/** The sign of life. */
export interface Heartbeat {
  readonly type: "heartbeat";
  readonly serverid: ServerId;
  readonly sequence: number;
  /** The highest sequence heard from the other end. */
  readonly acknowledged: number;
  /** The number of the latest change of the speaker's rooms. */
  readonly change: number;
  /** Of the member list; who has another one asks for the list. */
  readonly digest: string;
  /** How many users the speaker has. */
  readonly users: number;
}

/** Asks whether the other still hears a suspect, or with `heard` is the answer. */
export interface Hearsay {
  readonly type: "hearsay";
  readonly serverid: ServerId;
  readonly suspectid: ServerId;
  readonly incarnation: number;
  readonly heard?: Flag;
}

/** The speaker has evicted a member, or an admin has removed a dead one for good. */
export interface Evicted {
  readonly type: "evicted" | "removed";
  readonly serverid: ServerId;
  readonly evictedid: ServerId;
  readonly incarnation: number;
}
