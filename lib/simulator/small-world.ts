/**
 * A few servers as a value: the real machines, what is on its way between them, and clients that
 * write down what they hear. Nothing happens by itself: whoever explores chooses what comes next.
 * Servers are named s1 to s9; every change makes another world.
 *
 * @module
 */

import { assert } from "../base/assert.ts";
import type { ConnectionId } from "../base/ids.ts";
import type { ServerInput } from "../server/inputs.ts";
import type { ServerState } from "../server/state.ts";
import type { ClientReply, ClientRequest } from "../wire/client-messages.ts";

/** An input whose instant is that of its arrival. */
export type Happening = ServerInput extends infer Input
  ? Input extends ServerInput
    ? Omit<Input, "at">
    : never
  : never;

/** One end of a connection between two servers: where the other end is. */
export interface Wire {
  readonly server: string;
  readonly connection: ConnectionId;
}

/** What a client has asked on one connection, and what it was told there. */
export interface Talk {
  readonly identity: string;
  readonly asked: readonly ClientRequest["type"][];
  readonly heard: readonly ClientReply[];
  /** Whether the connection has ended. */
  readonly isOver: boolean;
}

/** A world. */
export interface SmallWorld {
  readonly now: number;
  /** Servers that run, also those that stand still. */
  readonly servers: ReadonlyMap<string, ServerState>;
  /** What crashed servers knew at the end, until they are started again. */
  readonly gone: ReadonlyMap<string, ServerState>;
  /** What is on its way, by where it arrives (`s1 21203`); each lane keeps its order. */
  readonly lanes: ReadonlyMap<string, readonly Happening[]>;
  readonly wires: ReadonlyMap<string, Wire>;
  /** Connections that run through a third server, and through which. */
  readonly relays: ReadonlyMap<ConnectionId, string>;
  /** What clients said and heard, by lane. */
  readonly talks: ReadonlyMap<string, Talk>;
  /** Connections made so far, by who dialled whom. */
  readonly made: ReadonlyMap<string, number>;
  /** How often each server was started. */
  readonly starts: ReadonlyMap<string, number>;
  /** Pairs of servers between which every dial is refused. */
  readonly walls: ReadonlySet<string>;
  /** Pairs of servers between which nothing arrives for now. */
  readonly holes: ReadonlySet<string>;
  /** Servers that stand still: nothing reaches them for now, and their timers do not go off. */
  readonly still: ReadonlySet<string>;
}

/** A world without servers. */
export const emptyWorld: SmallWorld = {
  now: 200_000,
  servers: new Map(),
  gone: new Map(),
  lanes: new Map(),
  wires: new Map(),
  relays: new Map(),
  talks: new Map(),
  made: new Map(),
  starts: new Map(),
  walls: new Set(),
  holes: new Set(),
  still: new Set(),
};

/** The world with one more thing on its way. */
export function put(world: SmallWorld, lane: string, happening: Happening): SmallWorld {
  const waiting = [...(world.lanes.get(lane) ?? []), happening];
  return { ...world, lanes: new Map(world.lanes).set(lane, waiting) };
}

/** The server that a lane leads to. */
export function serverOf(lane: string): string {
  return lane.slice(0, lane.indexOf(" "));
}

/** Two servers, in whichever order they were named. */
export function pairOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}

/**
 * The numbers of both ends of a connection between servers: they name who dialled, who was dialled,
 * the how manieth it is, and the end. So they do not depend on what others do meanwhile. Nothing
 * else in a small world is a number from 10,000 to 99,999.
 */
export function endsOf(dialler: string, target: string, count: number): [number, number] {
  assert(count < 500, "the ends of more than 499 connections would get equal numbers");
  const number = 10_000 * Number(dialler.slice(1)) + 1_000 * Number(target.slice(1)) + 2 * count;
  return [number, number + 1];
}

/** The other server of a lane between servers; `undefined` for lanes of clients and dials. */
export function peerOf(lane: string): string | undefined {
  const own = serverOf(lane);
  const number = Number(lane.slice(own.length + 1));
  if (!(number >= 10_000)) return undefined;
  const [dialler, target] = [
    `s${Math.floor(number / 10_000)}`,
    `s${Math.floor(number / 1_000) % 10}`,
  ];
  return own === dialler ? target : dialler;
}

/** The lanes whose next thing may happen now. */
export function choices(world: SmallWorld): string[] {
  const lanes = [...world.lanes.keys()];
  if (world.still.size === 0 && world.holes.size === 0) return lanes;
  return lanes.filter((lane) => isOpen(world, lane));
}

/** Whether what is on a lane can arrive: neither a hole nor somebody who stands still is there. */
export function isOpen(world: SmallWorld, lane: string): boolean {
  const server = serverOf(lane);
  if (world.still.has(server)) return false;
  const peer = peerOf(lane);
  if (peer === undefined) return true;
  const third = world.relays.get(connectionOf(lane));
  if (third === undefined) return !world.holes.has(pairOf(server, peer));
  const legs = [pairOf(server, third), pairOf(third, peer)];
  return !world.still.has(third) && !legs.some((leg) => world.holes.has(leg));
}

/** The connection that a lane belongs to. */
export function connectionOf(lane: string): ConnectionId {
  return Number(lane.slice(lane.indexOf(" ") + 1)) as ConnectionId;
}
