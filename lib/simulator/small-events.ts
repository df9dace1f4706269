/**
 * What can happen in a small world: servers start, what is on its way arrives, time passes.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { defaultTiming, type ServerConfig, type Timing } from "../server/config.ts";
import type { ServerInput } from "../server/inputs.ts";
import { createServer, type ServerState } from "../server/state.ts";
import { serverMachine } from "../server/step.ts";
import { perform } from "./small-network.ts";
import { choices, type Happening, isOpen, put, type SmallWorld, serverOf } from "./small-world.ts";

const never = 1e9;

/** Without heartbeats: nobody is ever silent; crashes are noticed by dials that are refused. */
export const withoutHeartbeats: Timing = {
  ...defaultTiming,
  redialMaxMs: defaultTiming.redialMinMs,
  heartbeatMs: never,
  suspectMs: 2 * never,
  silentMs: 3 * never,
  stalledMs: 4 * never,
};

/**
 * With heartbeats, and an eviction that comes before a claim is given up: what waits behind a
 * silent server is decided by its eviction, not by time.
 */
export const withHeartbeats: Timing = {
  ...defaultTiming,
  redialMinMs: 1_000,
  redialMaxMs: 1_000,
  probeMs: 1_000,
  silentMs: 2_500,
  stalledMs: 2_500,
};

/** How a server is started. */
export interface Starting {
  /** The others: whom it dials first. */
  readonly contacts: readonly string[];
  /** Whether it knows only addresses, and joins through whoever answers there. */
  readonly mustJoin?: boolean;
  readonly timing?: Timing;
  readonly partition?: ServerConfig["partition"];
  /** How far its wall clock is ahead. */
  readonly aheadMs?: number;
}

/**
 * Starts a server.
 *
 * @example
 * ```ts const world = settle(start(start(emptyWorld, "s1", { contacts: [] }), "s2", { contacts:
 * ["s1"] })); ```
 */
export function start(world: SmallWorld, id: string, starting: Starting): SmallWorld {
  const { contacts, mustJoin = false, timing = withoutHeartbeats, aheadMs = 0 } = starting;
  const { partition = "available" } = starting;
  const config: ServerConfig = {
    serverid: id as ServerId,
    client: { host: id, port: 4444 },
    peer: { host: id, port: 5555 },
    contacts: contacts.map((host) => ({
      serverid: mustJoin ? undefined : (host as ServerId),
      address: { host, port: 5555 },
    })),
    mustJoin,
    auth: undefined,
    partition,
    roster: partition === "majority" ? ([id, ...contacts] as ServerId[]) : [],
    messageRate: 0,
    seed: 1,
    timing,
  };
  const count = (world.starts.get(id) ?? 0) + 1;
  const wallClock = 1_000_000 * count + world.now + aheadMs;
  const servers = new Map(world.servers).set(id, createServer(config, world.now, wallClock));
  const starts = new Map(world.starts).set(id, count);
  const gone = new Map(world.gone);
  gone.delete(id);
  return put({ ...world, servers, starts, gone }, `${id} start`, { type: "tick" });
}

/** The next thing of a lane happens. A client opens its connection and speaks in one. */
export function deliver(world: SmallWorld, lane: string): SmallWorld {
  const [first, ...rest] = world.lanes.get(lane) ?? [];
  if (first === undefined) return world;
  const lanes = new Map(world.lanes);
  if (rest.length === 0) lanes.delete(lane);
  else lanes.set(lane, rest);
  const next = happen({ ...world, lanes }, serverOf(lane), first);
  return first.type === "opened" && first.role === "client" ? deliver(next, lane) : next;
}

/** Something happens to a server. */
export function happen(world: SmallWorld, id: string, happening: Happening): SmallWorld {
  const state = world.servers.get(id);
  if (state === undefined) return world;
  const input = { ...happening, at: world.now } as ServerInput;
  const made = serverMachine.step(state, input);
  let next: SmallWorld = { ...world, servers: new Map(world.servers).set(id, made.state) };
  for (const effect of made.effects) next = perform(next, id, effect);
  return next;
}

/** More deliveries at one instant would never come to an end. */
const deliveriesMax = 5_000;

/** Delivers everything that can arrive, in the order in which it was sent, if that has an end. */
export function settle(world: SmallWorld): SmallWorld {
  let current = world;
  for (let count = 0; count < deliveriesMax; count++) {
    const [lane] = choices(current);
    if (lane === undefined) break;
    current = deliver(current, lane);
  }
  return current;
}

/** When somebody next has something to do because of the time. */
export function nextInstant(world: SmallWorld): number | undefined {
  let soonest = never;
  for (const [id, state] of world.servers) {
    if (world.still.has(id)) continue;
    soonest = Math.min(soonest, serverMachine.nextDeadline(state) ?? never);
  }
  return soonest === never ? undefined : Math.max(world.now, soonest);
}

/** Time passes until then; each server that has something to do does it. */
export function passTime(world: SmallWorld, instant: number): SmallWorld {
  let current: SmallWorld = { ...world, now: instant };
  for (const [id, state] of world.servers) {
    if (world.still.has(id)) continue;
    if ((serverMachine.nextDeadline(state) ?? never) > instant) continue;
    current = happen(current, id, { type: "tick" });
  }
  return beatsArrive(world, current);
}

/** A heartbeat that nothing is in front of arrives at once: in which order is of no importance. */
function beatsArrive(before: SmallWorld, world: SmallWorld): SmallWorld {
  let current = world;
  for (const [lane, [first, ...rest]] of world.lanes) {
    const isLone = rest.length === 0 && !before.lanes.has(lane) && isOpen(world, lane);
    const isBeat = first?.type === "peer-message" && first.message.type === "heartbeat";
    if (isLone && isBeat) current = deliver(current, lane);
  }
  return current;
}

/**
 * Time passes until it has changed more than signs of life; `undefined` if it would not for so
 * long.
 */
export function pass(world: SmallWorld, longestMs: number): SmallWorld | undefined {
  let current = world;
  for (let at = nextInstant(current); at !== undefined; at = nextInstant(current)) {
    if (at > world.now + longestMs) return undefined;
    const before = current;
    current = passTime(current, at);
    if (hasChanged(before, current)) return current;
  }
  return undefined;
}

const signsOfLife = new Set<keyof ServerState>([
  "now",
  "prng",
  "nextNumber",
  "deadlines",
  "peers",
  "beatDueAt",
  "beats",
  "judgeAt",
]);

function hasChanged(before: SmallWorld, after: SmallWorld): boolean {
  if (before.lanes.size !== after.lanes.size) return true;
  for (const [lane, waiting] of after.lanes) {
    if (before.lanes.get(lane) !== waiting) return true;
  }
  for (const [id, state] of after.servers) {
    const known = before.servers.get(id);
    if (known === undefined) return true;
    for (const key of Object.keys(state) as (keyof ServerState)[]) {
      if (!signsOfLife.has(key) && state[key] !== known[key]) return true;
    }
  }
  return false;
}
