/**
 * What the authentication server knows, and the small steps on its connections that every
 * conversation uses.
 *
 * @module
 */

import { Map as PersistentMap } from "immutable";
import { emptyHeap, type Heap, insert } from "../base/heap.ts";
import type { ConnectionId } from "../base/ids.ts";
import { type Instant, type Step, sequence, step } from "../machine.ts";
import type { AuthReply, AuthRequest } from "../wire/auth-messages.ts";
import type { WireError } from "../wire/codec.ts";
import { type AddressGroup, addressGroup } from "./address-group.ts";
import type { AuthCloseReason, AuthEffect, AuthEvent, TicketKeys } from "./auth-inputs.ts";
import { createQueue, type HashQueue, type QueueLimits, withdraw } from "./hash-queue.ts";
import { createThrottle, isStranger, type Throttle, type ThrottleLimits } from "./throttle.ts";
import { dummyPassword, type PasswordRecord, type Users } from "./users.ts";

/** How an authentication server behaves; see {@link authStandard}. */
export interface AuthConfig {
  /** The `iss` of the tickets. */
  readonly issuer: string;
  /** How long a ticket lives. */
  readonly ticketSeconds: number;
  /** How long after the password was given a ticket can be renewed. */
  readonly renewalSeconds: number;
  /** A connection that asks for nothing so long is closed. */
  readonly idleMs: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** With so many bytes of requests waiting, a connection is not read on. */
  readonly backlogBytesMax: number;
  readonly throttle?: ThrottleLimits;
  readonly queue?: QueueLimits;
}

/** The behaviour that PROTOCOL.md section 4 describes; spread it and change what differs. */
export const authStandard: AuthConfig = {
  issuer: "auth",
  ticketSeconds: 600,
  renewalSeconds: 12 * 3600,
  idleMs: 10_000,
  connectionsMax: 4096,
  connectionsPerAddressMax: 1024,
  backlogBytesMax: 64 * 1024,
};

/** A line that waits for its turn. */
export type Line =
  | {
      readonly type: "request";
      readonly message: AuthRequest;
      readonly size: number;
      readonly receivedAt: Instant;
      readonly unixSeconds: number;
      readonly random: Uint8Array;
    }
  | { readonly type: "error"; readonly error: WireError; readonly size: 0 };

/** One open connection. */
export interface AuthConnection {
  readonly address: string;
  readonly group: AddressGroup;
  /** Whether a login of it waits for its hash. */
  readonly asking: boolean;
  /** When it is closed unless it asks for something. */
  readonly deadline: Instant;
  readonly backlog: readonly Line[];
  readonly paused: boolean;
  /** Whether an error of it was reported: the first is enough to fill a log with. */
  readonly complained: boolean;
}

/** The state of an authentication server. */
export interface AuthState {
  readonly config: AuthConfig;
  readonly keys: TicketKeys;
  readonly users: Users;
  /** What is hashed against for names that nobody has. */
  readonly dummy: PasswordRecord;
  readonly connections: PersistentMap<ConnectionId, AuthConnection>;
  readonly perGroup: PersistentMap<AddressGroup, number>;
  /** One entry for each connection: when to look whether it is idle. */
  readonly idle: Heap<ConnectionId>;
  /** Connections with lines that can be taken now; empty between two steps. */
  readonly ready: readonly ConnectionId[];
  readonly throttle: Throttle;
  readonly queue: HashQueue;
  readonly at: Instant;
}

/** One step of the authentication server. */
export type AuthStep = Step<AuthState, AuthEffect>;

/**
 * An authentication server nobody has connected to yet.
 *
 * @example
 * ```ts
 * const state = createAuth(authStandard, users, keys, host.now());
 * const driver = new Driver(authMachine, state, host, (at) => ({ type: "tick", at }));
 * ```
 */
export function createAuth(
  config: AuthConfig,
  users: Users,
  keys: TicketKeys,
  at: Instant,
): AuthState {
  return {
    config,
    keys,
    users,
    dummy: dummyPassword(users),
    connections: PersistentMap(),
    perGroup: PersistentMap(),
    idle: emptyHeap(),
    ready: [],
    throttle: createThrottle(config.throttle),
    queue: createQueue(config.queue),
    at,
  };
}

/** Takes a connection in, or turns it away. */
export function open(state: AuthState, id: ConnectionId, address: string, at: Instant): AuthStep {
  const group = addressGroup(address);
  const mine = state.perGroup.get(group, 0);
  if (mine >= state.config.connectionsPerAddressMax) return turnAway(state, id, address);
  if (state.connections.size < state.config.connectionsMax) {
    return step(admit(state, id, address, at));
  }
  const victim = idleOfTheGreediest(state, mine + 1);
  if (victim === undefined) return turnAway(state, id, address);
  return sequence(
    state,
    (s) => close(s, victim, "busy"),
    (s) => step(admit(s, id, address, at)),
  );
}

/** Forgets a connection. A hash that runs for it goes on: its failure has to count. */
export function forget(state: AuthState, id: ConnectionId): AuthState {
  const connection = state.connections.get(id);
  if (connection === undefined) return state;
  const others = state.perGroup.get(connection.group, 1) - 1;
  return {
    ...state,
    connections: state.connections.delete(id),
    perGroup:
      others === 0
        ? state.perGroup.delete(connection.group)
        : state.perGroup.set(connection.group, others),
    queue: withdraw(state.queue, id),
  };
}

/** Ends a connection; what it still sends is not looked at. */
export function close(state: AuthState, id: ConnectionId, reason: AuthCloseReason): AuthStep {
  if (!state.connections.has(id)) return step(state);
  return step(forget(state, id), { type: "close", connection: id, reason });
}

/** Sends one message. */
export function send(state: AuthState, id: ConnectionId, message: AuthReply): AuthStep {
  return state.connections.has(id) ? step(state, { type: "send", to: [id], message }) : step(state);
}

/** Answers the request of a connection, which may then be idle or go on with its next line. */
export function answer(
  state: AuthState,
  id: ConnectionId,
  message: AuthReply,
  at: Instant,
): AuthStep {
  const connection = state.connections.get(id);
  if (connection === undefined) return step(state);
  const answered = { ...connection, asking: false, deadline: at + state.config.idleMs };
  const ready = connection.backlog.length > 0 ? [...state.ready, id] : state.ready;
  return send({ ...update(state, id, answered), ready }, id, message);
}

/** The state with one connection changed. */
export function update(state: AuthState, id: ConnectionId, connection: AuthConnection): AuthState {
  return { ...state, connections: state.connections.set(id, connection) };
}

/** Reports an event. */
export function report(state: AuthState, event: AuthEvent): AuthStep {
  return step(state, { type: "report", event });
}

/** Which logins belong into the slow lane now. */
export function slowness(
  state: AuthState,
  at: Instant,
): (login: {
  readonly origin: { readonly username: string; readonly address: string };
}) => boolean {
  return ({ origin }) => isStranger(state.throttle, origin, at);
}

function admit(state: AuthState, id: ConnectionId, address: string, at: Instant): AuthState {
  const group = addressGroup(address);
  const deadline = at + state.config.idleMs;
  const quiet = { asking: false, backlog: [], paused: false, complained: false };
  return {
    ...update(state, id, { address, group, deadline, ...quiet }),
    perGroup: state.perGroup.update(group, 0, (count) => count + 1),
    idle: insert(state.idle, deadline, id),
  };
}

function turnAway(state: AuthState, id: ConnectionId, address: string): AuthStep {
  const detail = "too many connections; try again in some seconds";
  return step(
    state,
    { type: "send", to: [id], message: { type: "error", reason: "busy", detail } },
    { type: "close", connection: id, reason: "busy" },
    { type: "report", event: { event: "connection-refused", address } },
  );
}

/** Where one address has most of the connections, it gives way to one that has fewer. */
function idleOfTheGreediest(state: AuthState, atLeast: number): ConnectionId | undefined {
  let greediest: AddressGroup | undefined;
  let most = atLeast;
  for (const [group, count] of state.perGroup) {
    if (count > most) [greediest, most] = [group, count];
  }
  if (greediest === undefined) return undefined;
  return state.connections.findKey(({ group, asking }) => group === greediest && !asking);
}
