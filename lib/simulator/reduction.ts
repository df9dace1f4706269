/**
 * Which deliveries may be followed alone, because every other order comes to the same. Deliveries
 * to different servers commute: each changes one server and appends to lanes. Enough to follow is
 *
 * - one delivery that means nothing any longer and never will, a vote on an attempt that is over or
 *   the release of one that is not known; or
 * - all deliveries to one server, if nothing else can come to it before one of them: every
 *   connection to it has something on its way, nobody dials it, and no fault to come touches it.
 *
 * What a checker looks at across servers may not change by them, else every order is followed. A
 * world never comes twice on one path, so nothing is put off for ever.
 *
 * @module
 */

import type { ServerState } from "../server/state.ts";
import type { PeerMessage } from "../wire/server-messages.ts";
import { deliver } from "./small-events.ts";
import { type Happening, isOpen, type SmallWorld, serverOf } from "./small-world.ts";

/** A delivery and the world that it leads to. */
export interface Delivery {
  readonly lane: string;
  readonly world: SmallWorld;
}

/** What may still happen beside deliveries. */
export interface Outlook {
  /** Whether time may pass although something can arrive. */
  readonly mayPass: boolean;
  /** The servers that faults to come touch; all of them, if it is not known. */
  readonly touched: ReadonlySet<string> | undefined;
}

/** Deliveries that may be followed alone; `undefined` if all of them have to be. */
export function aloneFollowed(
  world: SmallWorld,
  lanes: readonly string[],
  { mayPass, touched }: Outlook,
): readonly Delivery[] | undefined {
  if (lanes.length < 2 || !isCalm(world)) return undefined;
  for (const lane of lanes) {
    const alone = meaningless(world, lane);
    if (alone !== undefined) return [alone];
  }
  if (mayPass || touched === undefined) return undefined;
  const servers = new Set(lanes.map(serverOf));
  for (const server of servers) {
    if (touched.has(server) || mayHearMore(world, server)) continue;
    const own = lanes.filter((lane) => serverOf(lane) === server);
    if (own.length === lanes.length) return undefined;
    const deliveries = own.map((lane) => ({ lane, world: deliver(world, lane) }));
    if (deliveries.every((each) => isUnseen(world, each.world, server))) return deliveries;
  }
  return undefined;
}

type CalmType = PeerMessage["type"];
const calmTypes = new Set<CalmType>([
  "lockidentity",
  "releaseidentity",
  "lockroomid",
  "releaseroomid",
  "deleteroom",
  "endmove",
  "moveended",
  "leaving",
]);

const calm = new WeakMap<readonly Happening[], boolean>();

/** Whether nothing is on its way that leads to a new connection, and no route will be given. */
function isCalm({ lanes, servers }: SmallWorld): boolean {
  for (const waiting of lanes.values()) {
    const known = calm.get(waiting) ?? waiting.every(isCalmHappening);
    calm.set(waiting, known);
    if (!known) return false;
  }
  for (const { phase, sessions, announced } of servers.values()) {
    if (phase === "draining" || phase === "starting" || announced.size > 0) return false;
    for (const { move } of sessions.values()) {
      if (move?.phase === "announced") return false;
    }
  }
  return true;
}

function isCalmHappening(happening: Happening): boolean {
  switch (happening.type) {
    case "verified":
      return true;
    case "request":
      return happening.request.type !== "join";
    case "opened":
      return happening.role === "client";
    case "peer-message":
      return calmTypes.has(happening.message.type);
    default:
      return false;
  }
}

/** The first delivery of a lane, if it is a vote or a release that comes too late to matter. */
function meaningless(world: SmallWorld, lane: string): Delivery | undefined {
  const first = world.lanes.get(lane)?.[0];
  if (first?.type !== "peer-message" || !("stamp" in first.message)) return undefined;
  const { message } = first;
  const server = serverOf(lane);
  const before = world.servers.get(server);
  if (before === undefined || isOpenAttempt(before, message.stamp)) return undefined;
  const isVote = "locked" in message && message.locked !== undefined;
  if (!isVote && !message.type.startsWith("release")) return undefined;
  const next = deliver(world, lane);
  const after = next.servers.get(server);
  if (after === undefined || next.lanes.size > world.lanes.size) return undefined;
  const others = [...next.lanes].filter(([other]) => other !== lane);
  if (others.some(([other, waiting]) => world.lanes.get(other) !== waiting)) return undefined;
  return after.locks === before.locks && isSame(before, after) ? { lane, world: next } : undefined;
}

function isOpenAttempt({ claims }: ServerState, stamp: number): boolean {
  return claims.some(([first]) => first?.ballot?.attempt.stamp === stamp);
}

const told = ["now", "peers", "deadlines", "prng", "locks"];

function isSame(before: ServerState, after: ServerState): boolean {
  const keys = Object.keys(after) as (keyof ServerState)[];
  return keys.every((key) => after[key] === before[key] || told.includes(key));
}

/** Whether something can come to a server before the next thing of each of its lanes. */
function mayHearMore(world: SmallWorld, server: string): boolean {
  if (world.still.has(server)) return true;
  for (const end of world.wires.keys()) {
    if (serverOf(end) === server && !world.lanes.has(end)) return true;
  }
  for (const lane of world.lanes.keys()) {
    if (serverOf(lane) === server && !isOpen(world, lane)) return true;
  }
  return false;
}

/** Whether a step of a server changed nothing that is looked at together with other servers. */
function isUnseen(world: SmallWorld, next: SmallWorld, server: string): boolean {
  const [before, after] = [world.servers.get(server), next.servers.get(server)];
  if (before === undefined || after === undefined || world.made !== next.made) return false;
  return (
    before.sessions === after.sessions &&
    before.reservations === after.reservations &&
    before.rooms === after.rooms &&
    before.membership === after.membership &&
    before.dials === after.dials
  );
}
