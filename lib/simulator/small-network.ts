/**
 * What the effects of a server come to in a small world: what is sent goes to the other end, dials
 * end as the state of the world says, tickets are good if they are for the name that is asked for.
 *
 * @module
 */

import type { ConnectionId, Identity, ServerId } from "../base/ids.ts";
import type { DialOutcome, ServerEffect } from "../server/inputs.ts";
import type { ClientReply, ClientRequest } from "../wire/client-messages.ts";
import type { PeerMessage } from "../wire/server-messages.ts";
import { endsOf, pairOf, put, type SmallWorld, type Talk, type Wire } from "./small-world.ts";

/** Performs one effect of a server. */
export function perform(world: SmallWorld, id: string, effect: ServerEffect): SmallWorld {
  switch (effect.type) {
    case "send": {
      let current = world;
      for (const each of effect.to) {
        if (each !== effect.except) current = send(current, `${id} ${each}`, effect.message);
      }
      return current;
    }
    case "close":
      return close(world, id, effect.connection);
    case "dial":
      return dial(world, id, effect);
    case "verify": {
      const { connection, request, ticket } = effect;
      const [identity = "", username = ""] = ticket.split("/");
      const outcome = { ok: true, identity: identity as Identity, username } as const;
      return put(world, `${id} ${connection}`, { type: "verified", connection, request, outcome });
    }
    case "stop":
      return endProcess(world, id);
    default:
      return world;
  }
}

/** A process has ended: its connections end, and what was on its way to it is lost. */
export function endProcess(world: SmallWorld, id: string): SmallWorld {
  const servers = new Map(world.servers);
  servers.delete(id);
  const isElsewhere = ([lane]: readonly [string, unknown]) => !lane.startsWith(`${id} `);
  let current: SmallWorld = {
    ...world,
    servers,
    lanes: new Map([...world.lanes].filter(isElsewhere)),
  };
  for (const [end, wire] of world.wires) {
    const isIts = end.startsWith(`${id} `) || world.relays.get(wire.connection) === id;
    if (isIts) current = unplug(current, wire);
  }
  const talks = new Map(current.talks);
  for (const [lane, talk] of talks) {
    if (lane.startsWith(`${id} `)) talks.set(lane, { ...talk, isOver: true });
  }
  const wires = new Map([...current.wires].filter(isElsewhere));
  return { ...current, wires, talks };
}

/** One end of a connection is told, behind all that is on its way to it, that it is gone. */
export function unplug(world: SmallWorld, { server, connection }: Wire): SmallWorld {
  const end = `${server} ${connection}`;
  if (!world.wires.has(end)) return world;
  const wires = new Map(world.wires);
  wires.delete(end);
  return put({ ...world, wires }, end, { type: "closed", connection });
}

type Said = Extract<ServerEffect, { type: "send" }>["message"];

function send(world: SmallWorld, end: string, message: Said): SmallWorld {
  const wire = world.wires.get(end);
  if (wire !== undefined) {
    const { server, connection } = wire;
    const move = "move" in message ? message.move : 0;
    const random = new Uint8Array(16).fill((connection + 7 * move) % 251);
    const said = { type: "peer-message", connection, message: message as PeerMessage } as const;
    return put(world, `${server} ${connection}`, { ...said, random });
  }
  const talk = world.talks.get(end);
  if (talk === undefined || talk.isOver) return world;
  const reply = message as ClientReply;
  // What others do in the room is not looked at here, so it need not tell worlds apart.
  if (reply.type === "roomchange" && reply.identity !== talk.identity) return world;
  const told = { ...talk, heard: [...talk.heard, reply] };
  const next = { ...world, talks: new Map(world.talks).set(end, told) };
  return reply.type === "route" ? follow(next, end, reply) : next;
}

/** A client follows its route: its connection to the target may come up at any time from now on. */
function follow(
  world: SmallWorld,
  end: string,
  route: Extract<ClientReply, { type: "route" }>,
): SmallWorld {
  const { identity = "", heard = [] } = world.talks.get(end) ?? {};
  const routes = heard.filter(({ type }) => type === "route").length;
  const client = Number(end.split(" ")[1]) + 10 * routes;
  const { roomid, ticket } = route;
  const request = { type: "movejoin", former: "", roomid, identity, ticket } as const;
  return say(world, route.host, client, request);
}

/** A client says something; its connection is opened by its first word. */
export function say(
  world: SmallWorld,
  server: string,
  client: number,
  request: ClientRequest,
): SmallWorld {
  if (!world.servers.has(server)) return world;
  const connection = client as ConnectionId;
  const lane = `${server} ${client}`;
  const talk = world.talks.get(lane);
  if (talk?.isOver === true) return world;
  const talks = new Map(world.talks).set(lane, asking(talk, request));
  const opened =
    talk === undefined ? put(world, lane, { type: "opened", connection, role: "client" }) : world;
  return put({ ...opened, talks }, lane, { type: "request", connection, request, size: 50 });
}

function asking(talk: Talk | undefined, request: ClientRequest): Talk {
  const identity = "identity" in request ? request.identity : (talk?.identity ?? "");
  const asked = [...(talk?.asked ?? []), request.type];
  return { identity, asked, heard: talk?.heard ?? [], isOver: false };
}

function close(world: SmallWorld, id: string, connection: ConnectionId): SmallWorld {
  const end = `${id} ${connection}`;
  const wire = world.wires.get(end);
  const talk = world.talks.get(end);
  const talks =
    talk === undefined ? world.talks : new Map(world.talks).set(end, { ...talk, isOver: true });
  // Nothing more of it is read here; that it has ended is said once.
  const lanes = new Map(world.lanes).set(end, [{ type: "closed", connection }]);
  const closed = { ...world, talks, lanes };
  if (wire === undefined) return closed;
  const wires = new Map(closed.wires);
  wires.delete(end);
  return unplug({ ...closed, wires }, wire);
}

type Dial = Extract<ServerEffect, { type: "dial" }>;

function dial(world: SmallWorld, id: string, { dial: number, address, via }: Dial): SmallWorld {
  const target = address.host;
  const third = via?.serverid;
  const path = third === undefined ? [id, target] : [id, third, target];
  const failure = failureOn(world, path);
  if (failure !== undefined) {
    return put(world, `${id} dial${number}`, { type: "dialled", dial: number, outcome: failure });
  }
  const direction = `${id} ${target}`;
  const count = (world.made.get(direction) ?? 0) + 1;
  const [own, theirs] = endsOf(id, target, count) as [ConnectionId, ConnectionId];
  const wires = new Map(world.wires)
    .set(`${id} ${own}`, { server: target, connection: theirs })
    .set(`${target} ${theirs}`, { server: id, connection: own });
  const relays =
    third === undefined ? world.relays : new Map(world.relays).set(own, third).set(theirs, third);
  const wired = { ...world, wires, relays, made: new Map(world.made).set(direction, count) };
  const certificateId = id as ServerId;
  const opened = { type: "opened", connection: theirs, role: "peer", certificateId } as const;
  const outcome = { type: "link", connection: own, certificateId: target as ServerId } as const;
  return put(put(wired, `${target} ${theirs}`, opened), `${id} ${own}`, {
    type: "dialled",
    dial: number,
    outcome,
  });
}

/** Why a connection along these servers does not come about. */
function failureOn(world: SmallWorld, path: readonly string[]): DialOutcome | undefined {
  for (const [place, next] of path.slice(1).entries()) {
    const leg = pairOf(path[place] as string, next);
    if (world.holes.has(leg)) return { type: "silent" };
    if (!world.servers.has(next) || world.walls.has(leg)) return { type: "refused" };
    if (world.still.has(next)) return { type: "tls-silent" };
  }
  return undefined;
}
