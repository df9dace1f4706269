/**
 * What goes wrong in a small world: processes end or stand still, links break, ways are closed or
 * swallow what is on them; and how it is mended again.
 *
 * @module
 */

import type { ConnectionId } from "../base/ids.ts";
import { happen } from "./small-events.ts";
import { endProcess, unplug } from "./small-network.ts";
import { pairOf, type SmallWorld } from "./small-world.ts";

/** A server's process ends: connections to it end, nothing listens there. */
export function crash(world: SmallWorld, id: string): SmallWorld {
  const state = world.servers.get(id);
  if (state === undefined) return world;
  const ended = endProcess(world, id);
  const still = without(world.still, id);
  return { ...ended, still, gone: new Map(world.gone).set(id, state) };
}

/** The connections between two servers break; what was on its way is lost. */
export function cut(world: SmallWorld, one: string, other: string): SmallWorld {
  let current = world;
  for (const [end, wire] of world.wires) {
    const [server = "", connection = ""] = end.split(" ");
    if (pairOf(server, wire.server) !== pairOf(one, other)) continue;
    const lanes = new Map(current.lanes);
    lanes.delete(end);
    const own = { server, connection: Number(connection) as ConnectionId };
    current = unplug({ ...current, lanes }, own);
  }
  return current;
}

/** A firewall between two servers: their connections end, and dials are refused. */
export function wall(world: SmallWorld, one: string, other: string): SmallWorld {
  const walls = new Set(world.walls).add(pairOf(one, other));
  return cut({ ...world, walls }, one, other);
}

/** The firewall is gone. */
export function unwall(world: SmallWorld, one: string, other: string): SmallWorld {
  return { ...world, walls: without(world.walls, pairOf(one, other)) };
}

/** A way swallows what is on it, and keeps it until {@link unblock}; both ends hear nothing. */
export function block(world: SmallWorld, one: string, other: string): SmallWorld {
  return { ...world, holes: new Set(world.holes).add(pairOf(one, other)) };
}

/** What was swallowed arrives after all. */
export function unblock(world: SmallWorld, one: string, other: string): SmallWorld {
  return { ...world, holes: without(world.holes, pairOf(one, other)) };
}

/** A process stands still: it neither reads nor looks at the time, and its connections stay. */
export function stop(world: SmallWorld, id: string): SmallWorld {
  return { ...world, still: new Set(world.still).add(id) };
}

/** A process that stood still goes on: everything waits for it, in any order. */
export function goOn(world: SmallWorld, id: string): SmallWorld {
  return { ...world, still: without(world.still, id) };
}

/** A server is told to leave. */
export function drain(world: SmallWorld, id: string): SmallWorld {
  return happen(world, id, { type: "command", command: "drain" });
}

function without(set: ReadonlySet<string>, entry: string): ReadonlySet<string> {
  const rest = new Set(set);
  rest.delete(entry);
  return rest;
}
