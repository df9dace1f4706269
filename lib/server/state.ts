/**
 * Everything a chat server knows. Large tables are persistent maps, small ones are copied on write;
 * nothing is ever changed in place.
 *
 * @module
 */

import { List, Map as PersistentMap } from "immutable";
import { emptyHeap, type Heap, insert } from "../base/heap.ts";
import type { ConnectionId, Identity, RoomId, ServerId } from "../base/ids.ts";
import { emptyLockTable, type LockName, type LockTable } from "../lock/lock-table.ts";
import type { Instant, Step } from "../machine.ts";
import type { Membership } from "../membership/membership.ts";
import { type Address, mainHallOf } from "../wire/fields.ts";
import type { ServerConfig } from "./config.ts";
import type { ServerEffect } from "./inputs.ts";
import type {
  Beat,
  Claim,
  Client,
  Deadline,
  Dial,
  EndedMove,
  Line,
  Link,
  Peer,
  RemoteRoom,
  Reservation,
  Room,
  RoomMembers,
  Session,
  Suspicion,
} from "./records.ts";

/** What every transition of the server returns. */
export type ServerStep = Step<ServerState, ServerEffect>;

/** The whole state of a chat server. */
export interface ServerState {
  readonly config: ServerConfig;
  /** The instant of the latest input. */
  readonly now: Instant;
  /** Wall-clock milliseconds at instant 0, read once at the start: a clock that never jumps. */
  readonly epoch: number;
  readonly incarnation: number;
  readonly phase: "starting" | "serving" | "draining" | "stopped";

  /** Connections of clients, logged in or not. */
  readonly clients: PersistentMap<ConnectionId, Client>;
  readonly admins: ReadonlySet<ConnectionId>;
  readonly sessions: PersistentMap<Identity, Session>;
  /** Own rooms, the main hall among them. */
  readonly rooms: PersistentMap<RoomId, Room>;
  /** When the start stops waiting for everybody. */
  readonly gatherUntil: Instant;
  /** Numbers the changes of the own rooms. */
  readonly roomChange: number;
  /** Rooms of others; main halls are not in it, they follow from the membership. */
  readonly directory: PersistentMap<RoomId, RemoteRoom>;

  readonly locks: LockTable;
  /** Own claims; only the first of a name is under vote, the others wait for it. */
  readonly claims: PersistentMap<LockName, readonly Claim[]>;
  /** The logical clock of attempts. */
  readonly clock: number;
  /** Movers announced by others that wait for a lock to end. */
  readonly announced: PersistentMap<Identity, Reservation>;
  /** Identities kept for movers on their way here. */
  readonly reservations: PersistentMap<Identity, Reservation>;
  /** How moves to here ended, until the server they came from has acknowledged it. */
  readonly endedMoves: PersistentMap<string, EndedMove>;

  readonly membership: Membership;
  readonly peers: ReadonlyMap<ServerId, Peer>;
  readonly links: ReadonlyMap<ConnectionId, Link>;
  readonly dials: ReadonlyMap<number, Dial>;
  /** Contacts whose ids are not known yet, by address. */
  readonly contacts: ReadonlyMap<string, Address>;

  /** What is known against members that are silent. */
  readonly suspicions: ReadonlyMap<ServerId, Suspicion>;
  /** When the next heartbeat is due: whoever comes much later has stood still itself. */
  readonly beatDueAt: Instant;
  /** Before this nobody is judged: what waited while this server stood still must be read first. */
  readonly judgeAt: Instant;
  /** When this server last went on after standing still for longer than the suspect time. */
  readonly stoodStillAt: Instant;

  /** In `majority` mode: who counts for a majority, this server included. */
  readonly roster: ReadonlySet<ServerId>;
  /** In `majority` mode: no majority hears this server, so it holds no names. */
  readonly fenced: boolean;
  /** The latest heartbeats sent, to know when an acknowledged one was. */
  readonly beats: readonly Beat[];
  /** Voters that are gone but may not know it yet. */
  readonly ghosts: ReadonlySet<ServerId>;

  readonly deadlines: Heap<Deadline>;
  /** Clients whose next line may be taken; empty between steps. */
  readonly unserved: readonly ConnectionId[];
  /** The next number for a dial, a move, a ticket check or an introduction. */
  readonly nextNumber: number;
  readonly prng: number;
}

/**
 * A server that has just started and knows nobody.
 *
 * @param at now, on the monotonic clock of all later inputs
 * @param wallClock now, in milliseconds since 1970; read this once and never again
 *
 * @example
 * ```ts
 * const driver = new Driver(
 *   serverMachine,
 *   createServer(config, performance.now(), Date.now()),
 *   host,
 *   (at) => ({ type: "tick", at }),
 * );
 * ```
 */
export function createServer(config: ServerConfig, at: Instant, wallClock: number): ServerState {
  const hall = mainHallOf(config.serverid);
  const incarnation = Math.floor(wallClock);
  const room: Room = { roomid: hall, owner: "", claimedAt: incarnation, members: PersistentMap() };
  return {
    config,
    now: at,
    epoch: wallClock - at,
    incarnation,
    phase: "starting",
    clients: PersistentMap(),
    admins: new Set(),
    sessions: PersistentMap(),
    rooms: PersistentMap([[hall, room]]),
    gatherUntil: at + (config.mustJoin ? config.timing.joinMs : config.timing.gatherMs),
    roomChange: 0,
    directory: PersistentMap(),
    locks: emptyLockTable(),
    claims: PersistentMap(),
    clock: incarnation,
    announced: PersistentMap(),
    reservations: PersistentMap(),
    endedMoves: PersistentMap(),
    membership: new Map(),
    peers: new Map(),
    links: new Map(),
    dials: new Map(),
    contacts: new Map(),
    suspicions: new Map(),
    beatDueAt: at,
    judgeAt: at,
    stoodStillAt: Number.NEGATIVE_INFINITY,
    roster: new Set([...config.roster, config.serverid]),
    fenced: config.partition === "majority",
    beats: [],
    ghosts: new Set(),
    deadlines: insert(emptyHeap<Deadline>(), at, { type: "start" }),
    unserved: [],
    nextNumber: 1,
    prng: config.seed,
  };
}

/** The state with one more thing to look at, `delayMs` from now. */
export function schedule(state: ServerState, delayMs: number, deadline: Deadline): ServerState {
  return { ...state, deadlines: insert(state.deadlines, state.now + delayMs, deadline) };
}

/** Now, in wall-clock milliseconds that never jump: the time of a claim. */
export function wallClockOf(state: ServerState): number {
  return Math.floor(state.epoch + state.now);
}

/** An empty backlog. */
export const noLines: List<Line> = List();

/** The connections of a room's members; computed once per room value. */
export function audienceOf(members: RoomMembers): readonly ConnectionId[] {
  const known = audiences.get(members);
  if (known !== undefined) return known;
  const audience = [...members.values()];
  audiences.set(members, audience);
  return audience;
}

const audiences = new WeakMap<RoomMembers, readonly ConnectionId[]>();
