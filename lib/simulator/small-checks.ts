/**
 * What must be so in every small world, and what in one where nothing is left to happen. The
 * first is looked at after every event: nobody is twice (I1, I2, I4, I7), votes are asked of
 * exactly those who count (I9), nothing is kept for the dead (I3, I5), nobody is answered twice
 * (I6).
 *
 * @module
 */

import type { Identity } from "../base/ids.ts";
import { isPresent } from "../membership/membership.ts";
import type { Session } from "../server/records.ts";
import type { ServerState } from "../server/state.ts";
import type { ClientReply, ClientRequest } from "../wire/client-messages.ts";
import { lists } from "./checkers/ties.ts";
import { pass, settle } from "./small-events.ts";
import { choices, type SmallWorld, type Talk } from "./small-world.ts";

/** What is wrong with a world, whatever came before. */
export function wrongInWorld(world: SmallWorld): string | undefined {
  return heldTwice(world) ?? firstOf(world.servers.values(), wrongInServer) ?? answeredTwice(world);
}

function firstOf<Item>(
  items: Iterable<Item>,
  look: (item: Item) => string | undefined,
): string | undefined {
  for (const item of items) {
    const detail = look(item);
    if (detail !== undefined) return detail;
  }
  return undefined;
}

/**
 * I1, I2, I4, I7: of servers that count each other as members, at most one has a name; also of
 * those that have crashed and are not evicted yet. Both ends of a move know one claim, one has
 * the seat.
 */
function heldTwice({ servers, gone }: SmallWorld): string | undefined {
  const states = [...servers.values(), ...gone.values()];
  for (const [place, one] of states.entries()) {
    for (const other of states.slice(place + 1)) {
      if (!lists(one, other) || !lists(other, one)) continue;
      const who = `${one.config.serverid} and ${other.config.serverid}`;
      for (const [identity, session] of one.sessions) {
        const held = other.sessions.get(identity);
        if (held === undefined) continue;
        if (held.claimedAt !== session.claimedAt || held.username !== session.username) {
          return `I1: ${who} both hold ${identity}`;
        }
        if (isSeated(held) && isSeated(session)) return `I7: ${identity} sits on ${who}`;
      }
      for (const [roomid, { owner }] of one.rooms) {
        if (owner !== "" && other.rooms.has(roomid)) return `I2: ${who} both have ${roomid}`;
      }
    }
  }
  return firstOf(servers.values(), (state) => keptForAnother(state, servers));
}

/** A name is kept for a mover whom the server that it left still holds; nobody else has it then. */
function keptForAnother(target: ServerState, servers: SmallWorld["servers"]): string | undefined {
  for (const { identity, from, move } of target.reservations.values()) {
    if (!isMoving(servers.get(from)?.sessions.get(identity), move)) continue;
    for (const other of servers.values()) {
      const { serverid } = other.config;
      if (other === target || serverid === from || !other.sessions.has(identity)) continue;
      if (!lists(target, other) || !lists(other, target)) continue;
      return `I1: ${identity} moves from ${from}, and ${serverid} holds it`;
    }
  }
  return undefined;
}

function isMoving(session: Session | undefined, move: number): boolean {
  return session?.move?.number === move;
}

function isSeated({ connection, move }: Session): boolean {
  return connection !== undefined && move === undefined;
}

/** I3, I5, I9: who is asked, and that nothing is kept for who is gone. */
function wrongInServer(state: ServerState): string | undefined {
  const { membership, claims, locks, directory, ghosts, config } = state;
  const { serverid } = config;
  const present = [...membership.values()].filter(isPresent).map(({ id }) => id);
  const needed = [...present, ...ghosts].sort().join(" ");
  for (const [name, [first]] of claims) {
    const voters = first?.ballot?.voters;
    if (voters === undefined || [...voters].sort().join(" ") === needed) continue;
    return `I9: ${serverid} asks ${[...voters].join(" ")} for ${name}, not ${needed}`;
  }
  for (const [name, { lock, questions }] of locks) {
    for (const { asker } of lock === undefined ? questions : [lock.attempt, ...questions]) {
      if (asker === serverid || present.includes(asker)) continue;
      return `I5: ${serverid} keeps ${name} for ${asker}, which is no member`;
    }
  }
  for (const [roomid, { server }] of directory) {
    if (!present.includes(server)) return `I3: ${serverid} lists ${roomid} of ${server}`;
  }
  return undefined;
}

type Kind = ClientRequest["type"];

/** I6: no connection hears more answers than it has asked for. */
function answeredTwice({ talks }: SmallWorld): string | undefined {
  return firstOf(talks, ([lane, talk]) => {
    const known = countsOf(talk);
    for (const [kind, { asked, answered }] of known) {
      // Who leaves routes its users unasked.
      if (answered > asked && kind !== "join")
        return `I6: ${lane} has ${answered} answers to ${asked} ${kind}`;
    }
    return undefined;
  });
}

const counts = new WeakMap<Talk, ReadonlyMap<Kind, Count>>();

interface Count {
  readonly asked: number;
  readonly answered: number;
}

function countsOf(talk: Talk): ReadonlyMap<Kind, Count> {
  const known = counts.get(talk);
  if (known !== undefined) return known;
  const counted = new Map<Kind, Count>();
  for (const kind of ["newidentity", "movejoin", "createroom", "list", "join"] as const) {
    const asked = talk.asked.filter((type) => type === kind).length;
    const answered = talk.heard.filter((reply) => isAnswer(reply, kind)).length;
    if (asked + answered > 0) counted.set(kind, { asked, answered });
  }
  counts.set(talk, counted);
  return counted;
}

function isAnswer(reply: ClientReply, kind: Kind): boolean {
  switch (kind) {
    case "movejoin":
      return reply.type === "serverchange";
    case "list":
      return reply.type === "roomlist";
    case "join": {
      const isRefused = reply.type === "roomchange" && reply.former === reply.roomid;
      return isRefused || reply.type === "route";
    }
    default:
      return reply.type === kind;
  }
}

/** Longer than any lock, claim, reservation or drain. */
const restMs = 20_000;

/** The world when all of that has passed, and everything has arrived. */
export function restOf(world: SmallWorld): SmallWorld {
  let current = settle(world);
  for (;;) {
    const leftMs = world.now + restMs - current.now;
    const isRestless = choices(current).length > 0;
    const passed = leftMs > 0 && !isRestless ? pass(current, leftMs) : undefined;
    if (passed === undefined) return current;
    current = settle(passed);
  }
}

/** What is left over in a world that had time: nobody waits, nothing is locked, all agree. */
export function leftOver(rest: SmallWorld): string | undefined {
  if (choices(rest).length > 0) return "I8: messages go to and fro without an end";
  const running = [...rest.servers].filter(([id]) => !rest.still.has(id)).map(([, state]) => state);
  return (
    wrongInWorld(rest) ??
    firstOf(running, leftIn) ??
    firstOf(running, (one) => firstOf(running, (other) => disagree(rest, one, other))) ??
    firstOf(rest.talks, ([lane, talk]) => unanswered(rest, lane, talk))
  );
}

function leftIn(state: ServerState): string | undefined {
  const { config, locks, claims, announced, reservations, ghosts, sessions, phase } = state;
  const { serverid } = config;
  const tables = { locks, claims, announced, reservations, ghosts };
  for (const [what, { size }] of Object.entries(tables)) {
    if (size > 0) return `I5: ${serverid} has ${size} left of: ${what}`;
  }
  for (const [identity, { move, connection }] of sessions) {
    if (move !== undefined) return `I5: ${identity} still moves from ${serverid}`;
    const client = connection === undefined ? undefined : state.clients.get(connection);
    if (client?.identity !== identity) return `I7: ${identity} is on ${serverid} without a client`;
    if (!seatsOf(state, identity)) return `I7: ${identity} is not in exactly one room`;
  }
  for (const { from } of state.endedMoves.values()) {
    if (isPresent(state.membership.get(from)))
      return `I5: ${serverid} still tells ${from} of a move`;
  }
  return phase === "serving" ? undefined : `I8: ${serverid} is ${phase}`;
}

function seatsOf(state: ServerState, identity: Identity): boolean {
  return [...state.rooms.values()].filter(({ members }) => members.has(identity)).length === 1;
}

/** I8: whoever is there is a member for everybody, and has the rooms that it says it has. */
function disagree({ walls, holes }: SmallWorld, one: ServerState, other: ServerState) {
  if (one === other || walls.size > 0 || holes.size > 0) return undefined;
  const [id, seen] = [one.config.serverid, other.config.serverid];
  if (!lists(one, other)) return `I8: ${id} does not count ${seen} as a member`;
  if (one.membership.get(seen)?.status !== "alive") return `I8: ${id} still suspects ${seen}`;
  // Who knows that it has missed something asks at the next heartbeat.
  if (one.peers.get(seen)?.roomChange !== other.roomChange) return undefined;
  const named = [...one.directory]
    .filter(([, { server }]) => server === seen)
    .map(([name]) => name);
  const own = [...other.rooms.values()].filter(({ owner }) => owner !== "");
  const rooms = own.map(({ roomid }) => roomid);
  if (named.sort().join() === rooms.sort().join()) return undefined;
  return `I8: ${id} believes that ${seen} has ${named.join()}, it has ${rooms.join()}`;
}

/** I6: every request of a connection that is still there has been answered. */
function unanswered({ still }: SmallWorld, lane: string, talk: Talk): string | undefined {
  if (talk.isOver || still.has(lane.slice(0, 2))) return undefined;
  for (const [kind, { asked, answered }] of countsOf(talk)) {
    if (answered < asked) return `I6: ${lane} has no answer to its ${kind}`;
  }
  return undefined;
}
