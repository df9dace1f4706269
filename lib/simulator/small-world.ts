/**
 * A few servers as a value: the real machines, what is on its way between them, and clients that
 * write down what they hear. Nothing happens by itself: whoever explores chooses what comes next.
 * Heartbeats are left out and silence is no reason; what is lost is noticed by connections that end
 * and dials that are refused. No link runs through a third server.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import { defaultTiming, type ServerConfig } from "../server/config.ts";
import type { DialOutcome, ServerEffect, ServerInput } from "../server/inputs.ts";
import { createServer, type ServerState } from "../server/state.ts";
import { serverMachine } from "../server/step.ts";
import type { ClientReply, ClientRequest } from "../wire/client-messages.ts";
import type { PeerMessage } from "../wire/server-messages.ts";

type Happening = ServerInput extends infer Input
  ? Input extends ServerInput
    ? Omit<Input, "at">
    : never
  : never;

/** One end of a connection between two servers: where the other end is. */
interface Wire {
  readonly server: string;
  readonly connection: ConnectionId;
}

/** A world; every change makes another one. */
export interface SmallWorld {
  readonly now: number;
  /** Servers that run. */
  readonly servers: ReadonlyMap<string, ServerState>;
  /** What is on its way, by where it arrives; each lane keeps its order. */
  readonly lanes: ReadonlyMap<string, readonly Happening[]>;
  readonly wires: ReadonlyMap<string, Wire>;
  /** What each client has heard. */
  readonly heard: ReadonlyMap<string, readonly ClientReply[]>;
  /** Connections made between two servers so far. */
  readonly made: ReadonlyMap<string, number>;
  readonly starts: number;
  /** Pairs of servers between which every dial is refused. */
  readonly walls: ReadonlySet<string>;
}

const never = 1e9;
const timing = {
  ...defaultTiming,
  heartbeatMs: never,
  suspectMs: 2 * never,
  silentMs: 3 * never,
  stalledMs: 4 * never,
};
const startAt = 10_000;

/** A world without servers. */
export const emptyWorld: SmallWorld = {
  now: startAt,
  servers: new Map(),
  lanes: new Map(),
  wires: new Map(),
  heard: new Map(),
  made: new Map(),
  starts: 0,
  walls: new Set(),
};

/** Starts a server that knows these others, or joins through the first of them. */
export function start(
  world: SmallWorld,
  id: string,
  contacts: readonly string[],
  mustJoin = false,
): SmallWorld {
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
    partition: "available",
    roster: [],
    messageRate: 0,
    seed: 1,
    timing,
  };
  const starts = world.starts + 1;
  const state = createServer(config, world.now, 1_000_000 * starts + world.now);
  const servers = new Map(world.servers).set(id, state);
  return put({ ...world, servers, starts }, `${id} tick`, { type: "tick" });
}

/** The names of everything that may come next; one of them goes to {@link deliver}. */
export function choices(world: SmallWorld): string[] {
  return [...world.lanes.keys()];
}

/** The next thing of a lane happens. */
export function deliver(world: SmallWorld, lane: string): SmallWorld {
  const [first, ...rest] = world.lanes.get(lane) ?? [];
  if (first === undefined) return world;
  const lanes = new Map(world.lanes);
  if (rest.length === 0) lanes.delete(lane);
  else lanes.set(lane, rest);
  return happen({ ...world, lanes }, lane.slice(0, lane.indexOf(" ")), first);
}

/** Delivers everything in the order in which it was sent. */
export function settle(world: SmallWorld): SmallWorld {
  let current = world;
  for (let [lane] = choices(current); lane !== undefined; [lane] = choices(current)) {
    current = deliver(current, lane);
  }
  return current;
}

/** When something is next to be looked at because of the time, heartbeats left out. */
export function nextInstant(world: SmallWorld): number | undefined {
  const instants = [...world.servers.values()]
    .map((state) => serverMachine.nextDeadline(state) ?? never)
    .filter((instant) => instant < never);
  return instants.length === 0 ? undefined : Math.max(world.now, Math.min(...instants));
}

/** Time passes until then; each server that has something to do does it. */
export function passTime(world: SmallWorld, instant: number): SmallWorld {
  let current: SmallWorld = { ...world, now: instant };
  for (const [id, state] of current.servers) {
    if ((serverMachine.nextDeadline(state) ?? never) > instant) continue;
    current = happen(current, id, { type: "tick" });
  }
  return current;
}

/** A client says something; its connection is opened by its first word. */
export function say(
  world: SmallWorld,
  server: string,
  client: number,
  request: ClientRequest,
): SmallWorld {
  const connection = client as ConnectionId;
  const key = `${server} ${client}`;
  const isNew = !world.heard.has(key);
  const opened = isNew
    ? put({ ...world, heard: new Map(world.heard).set(key, []) }, key, {
        type: "opened",
        connection,
        role: "client",
      })
    : world;
  return put(opened, key, { type: "request", connection, request, size: 50 });
}

/** A server's process ends: connections to it end, nothing listens there. */
export function crash(world: SmallWorld, id: string): SmallWorld {
  const servers = new Map(world.servers);
  servers.delete(id);
  const lanes = new Map([...world.lanes].filter(([lane]) => !lane.startsWith(`${id} `)));
  let current: SmallWorld = { ...world, servers, lanes };
  for (const [end, wire] of world.wires) {
    if (end.startsWith(`${id} `)) current = unplug(current, wire);
  }
  const wires = new Map([...current.wires].filter(([end]) => !end.startsWith(`${id} `)));
  return { ...current, wires };
}

/** The connections between two servers break; what was on its way is lost. */
export function cut(world: SmallWorld, one: string, other: string): SmallWorld {
  let current = world;
  for (const [end, wire] of world.wires) {
    const [server = "", connection = ""] = end.split(" ");
    const isBetween =
      (server === one && wire.server === other) || (server === other && wire.server === one);
    if (!isBetween) continue;
    const lanes = new Map(current.lanes);
    lanes.delete(end);
    const own = { server, connection: Number(connection) as ConnectionId };
    current = unplug({ ...current, lanes }, own);
  }
  return current;
}

/** A firewall between two servers: their connections end, and dials are refused. */
export function wall(world: SmallWorld, one: string, other: string): SmallWorld {
  const walls = new Set(world.walls).add([one, other].sort().join(" "));
  return cut({ ...world, walls }, one, other);
}

/** One end of a connection is told that it is gone. */
function unplug(world: SmallWorld, { server, connection }: Wire): SmallWorld {
  const end = `${server} ${connection}`;
  if (!world.wires.has(end)) return world;
  const wires = new Map(world.wires);
  wires.delete(end);
  return put({ ...world, wires }, end, { type: "closed", connection });
}

function put(world: SmallWorld, lane: string, happening: Happening): SmallWorld {
  const waiting = [...(world.lanes.get(lane) ?? []), happening];
  return { ...world, lanes: new Map(world.lanes).set(lane, waiting) };
}

function happen(world: SmallWorld, id: string, happening: Happening): SmallWorld {
  const state = world.servers.get(id);
  if (state === undefined) return world;
  const input = { ...happening, at: world.now } as ServerInput;
  const made = serverMachine.step(state, input);
  const next = { ...world, servers: new Map(world.servers).set(id, made.state) };
  return made.effects.reduce<SmallWorld>((current, effect) => perform(current, id, effect), next);
}

function perform(world: SmallWorld, id: string, effect: ServerEffect): SmallWorld {
  switch (effect.type) {
    case "send":
      return effect.to
        .filter((each) => each !== effect.except)
        .reduce((current, each) => send(current, `${id} ${each}`, effect.message), world);
    case "close":
      return close(world, id, effect.connection);
    case "dial":
      return dial(world, id, effect);
    case "verify": {
      const { connection, request, ticket } = effect;
      const [identity = "", username = ""] = ticket.split("/");
      const outcome = { ok: true, identity: identity as never, username } as const;
      return put(world, `${id} ${connection}`, { type: "verified", connection, request, outcome });
    }
    case "stop": {
      const servers = new Map(world.servers);
      servers.delete(id);
      return { ...world, servers };
    }
    default:
      return world;
  }
}

type Said = Extract<ServerEffect, { type: "send" }>["message"];

function send(world: SmallWorld, end: string, message: Said): SmallWorld {
  const heard = world.heard.get(end);
  if (heard !== undefined) {
    const lines = [...heard, message as ClientReply];
    return { ...world, heard: new Map(world.heard).set(end, lines) };
  }
  const wire = world.wires.get(end);
  if (wire === undefined) return world;
  const { server, connection } = wire;
  const random = new Uint8Array(16).fill(connection % 251);
  const said = { type: "peer-message", connection, message: message as PeerMessage } as const;
  return put(world, `${server} ${connection}`, { ...said, random });
}

function close(world: SmallWorld, id: string, connection: ConnectionId): SmallWorld {
  const end = `${id} ${connection}`;
  const wire = world.wires.get(end);
  const told = put(world, end, { type: "closed", connection });
  if (wire === undefined) return told;
  const wires = new Map(told.wires);
  wires.delete(end);
  return unplug({ ...told, wires }, wire);
}

function dial(
  world: SmallWorld,
  id: string,
  { dial: number, address, via }: Extract<ServerEffect, { type: "dial" }>,
): SmallWorld {
  const target = address.host;
  const answer = (current: SmallWorld, outcome: DialOutcome, lane: string) =>
    put(current, lane, { type: "dialled", dial: number, outcome });
  const pair = [id, target].sort().join(" ");
  if (!world.servers.has(target) || via !== undefined || world.walls.has(pair)) {
    return answer(world, { type: "refused" }, `${id} dial${number}`);
  }
  const count = (world.made.get(pair) ?? 0) + 1;
  const base = 1_000 + 100 * [...pair].reduce((sum, sign) => sum + sign.charCodeAt(0), 0);
  const own = (base + 2 * count) as ConnectionId;
  const theirs = (base + 2 * count + 1) as ConnectionId;
  const wires = new Map(world.wires)
    .set(`${id} ${own}`, { server: target, connection: theirs })
    .set(`${target} ${theirs}`, { server: id, connection: own });
  const wired = { ...world, wires, made: new Map(world.made).set(pair, count) };
  const opened = put(wired, `${target} ${theirs}`, {
    type: "opened",
    connection: theirs,
    role: "peer",
    certificateId: id as ServerId,
  });
  const certificateId = target as ServerId;
  return answer(opened, { type: "link", connection: own, certificateId }, `${id} ${own}`);
}
