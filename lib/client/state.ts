/**
 * What a client knows, what can happen to it and what it wants done: the two doors of the client
 * machine. It isn't a terminal: what a person sees leaves as data and is put into words elsewhere.
 *
 * @module
 */

import type { Branded, RoomId } from "../base/ids.ts";
import type { Instant, Step } from "../machine.ts";
import type { AuthReply, AuthRequest } from "../wire/auth-messages.ts";
import type { ClientReply, ClientRequest, ListedServer } from "../wire/client-messages.ts";
import type { WireError } from "../wire/codec.ts";
import type { Address } from "../wire/fields.ts";
import { type KnownNames, noKnownNames } from "./commands.ts";
import type { DialFailure, Shown } from "./shown.ts";

/** One connection of the client; the machine numbers them, the host opens and closes them. */
export type LinkId = Branded<number, "LinkId">;

/** What a client is told before it begins. */
export interface ClientConfig {
  /** The chat server to enter; the only address that must be known. */
  readonly server: Address;
  /** The authentication server; unknown, the chat server names it, for one more round trip. */
  readonly auth?: Address;
  readonly username: string;
  readonly identity: string;
  /** A ticket got elsewhere; then no password is asked as long as it lives. */
  readonly ticket?: string;
  /** Seeds the jitter between tries: the clients of a dead server must not come all at once. */
  readonly seed: number;
  /** How long a server is looked for after one was lost; 0: not at all, `Infinity`: for ever. */
  readonly patienceMs: number;
}

/** Everything that can happen to a client. */
export type ClientInput =
  | { readonly type: "tick"; readonly at: Instant }
  /** A line of the person: a command or text. */
  | { readonly type: "typed"; readonly at: Instant; readonly text: string }
  /** A request of a program; waits its turn like a typed one. */
  | { readonly type: "ask"; readonly at: Instant; readonly request: ClientRequest }
  | { readonly type: "password"; readonly at: Instant; readonly text: string }
  /** The person wants to go now; said twice, at once. */
  | { readonly type: "leave"; readonly at: Instant }
  | { readonly type: "opened"; readonly at: Instant; readonly link: LinkId }
  | {
      readonly type: "received";
      readonly at: Instant;
      readonly link: LinkId;
      readonly message: ClientReply | AuthReply;
    }
  | {
      readonly type: "malformed";
      readonly at: Instant;
      readonly link: LinkId;
      readonly error: WireError;
    }
  | {
      readonly type: "closed";
      readonly at: Instant;
      readonly link: LinkId;
      readonly reason: string;
    }
  | {
      readonly type: "failed";
      readonly at: Instant;
      readonly link: LinkId;
      readonly why: DialFailure;
    };

/** What a client wants done; performed in order, none left out. */
export type ClientEffect =
  | {
      readonly type: "dial";
      readonly link: LinkId;
      readonly purpose: "auth" | "chat";
      readonly host: string;
      readonly port: number;
    }
  | {
      readonly type: "send";
      readonly link: LinkId;
      readonly message: ClientRequest | AuthRequest;
    }
  | { readonly type: "close"; readonly link: LinkId }
  | { readonly type: "show"; readonly shown: Shown }
  /** To be answered by a `password` input, now or when somebody has typed it. */
  | { readonly type: "ask-password"; readonly username: string }
  | { readonly type: "exit"; readonly code: 0 | 1 };

/** Where the client stands; deadlines are for answers of others. */
export type Phase =
  | { readonly name: "idle" | "password" | "over" }
  | {
      readonly name: "authenticating";
      readonly link: LinkId;
      readonly where: Address;
      readonly with: "password" | "ticket";
      readonly deadline: Instant;
    }
  | {
      readonly name: "entering";
      readonly link: LinkId;
      readonly where: Address;
      readonly deadline: Instant;
    }
  | Chatting
  | Moving
  | { readonly name: "leaving"; readonly link: LinkId; readonly deadline: Instant }
  | { readonly name: "waiting"; readonly until: Instant; readonly countdownAt: Instant };

/** In, and on one server. */
export interface Chatting {
  readonly name: "chatting";
  readonly link: LinkId;
  readonly where: Address;
  readonly since: Instant;
  /** Until when the server has to say anything; `undefined` while nothing was asked quietly. */
  readonly deadline: Instant | undefined;
}

/** Between two servers; what is typed waits. */
export interface Moving {
  readonly name: "moving";
  /** The old connection as it was, or `undefined` once it has ended. */
  readonly old: Chatting | undefined;
  readonly from: Address;
  readonly link: LinkId;
  readonly where: Address;
  readonly roomid: RoomId;
  readonly pass: string;
  readonly deadline: Instant;
}

/** A ticket and when it ends, if that is known. */
export interface HeldTicket {
  readonly text: string;
  readonly expiresAt: Instant | undefined;
  /** Whether a chat server has taken it or it is new; a refused new one is nobody's to renew. */
  readonly fresh: boolean;
}

/** A ticket being renewed beside the chat. */
export interface Renewal {
  readonly link: LinkId;
  readonly deadline: Instant;
}

/** The search for a server. */
export interface Recovery {
  readonly since: Instant;
  readonly attempt: number;
  readonly candidates: readonly Address[];
  /** The room to go back to, if it was one that can be entered from elsewhere. */
  readonly room: RoomId | undefined;
}

/** Everything a client knows. */
export interface ClientState {
  readonly config: ClientConfig;
  readonly phase: Phase;
  /** The chat server that is entered next. */
  readonly target: Address;
  readonly auth: Address | undefined;
  readonly ticket: HeldTicket | undefined;
  /** Held from the prompt until the authentication server has decided. */
  readonly password: string | undefined;
  readonly renewal: Renewal | undefined;
  readonly renewAt: Instant | undefined;
  /** The room the client is in; empty before the first login. */
  readonly room: RoomId | "";
  /** What is to be sent as soon as it may be, in order. */
  readonly queue: readonly ClientRequest[];
  /** A join without its answer; nothing is sent meanwhile, it might belong on another server. */
  readonly awaiting: { readonly roomid: string; readonly deadline: Instant } | undefined;
  /** The `servers` requests without an answer, oldest first; `true`: the person asked. */
  readonly serversAsked: readonly boolean[];
  readonly askServersAt: Instant | undefined;
  readonly servers: readonly ListedServer[];
  readonly recovery: Recovery | undefined;
  readonly names: KnownNames;
  readonly prng: number;
  readonly nextLink: number;
}

/** One step of the client machine. */
export type ClientStep = Step<ClientState, ClientEffect>;

/**
 * A client that has not begun; its first `tick` makes it dial.
 *
 * @example
 * ```ts
 * const server = { host: "127.0.0.1", port: 4444 };
 * const state = createClient({ server, username: "ann", identity: "ann", seed: 1, patienceMs: 0 });
 * const { effects } = clientMachine.step(state, { type: "tick", at: 0 }); // a "dial"
 * ```
 */
export function createClient(config: ClientConfig): ClientState {
  const { ticket } = config;
  return {
    config,
    phase: { name: "idle" },
    target: config.server,
    auth: config.auth,
    ticket: ticket === undefined ? undefined : { text: ticket, expiresAt: undefined, fresh: false },
    password: undefined,
    renewal: undefined,
    renewAt: undefined,
    room: "",
    queue: [],
    awaiting: undefined,
    serversAsked: [],
    askServersAt: undefined,
    servers: [],
    recovery: undefined,
    names: noKnownNames,
    prng: config.seed | 0,
    nextLink: 1,
  };
}
