/**
 * Leaving: a server that drains takes nobody new, deletes its rooms, routes its users to the
 * servers with the fewest, and goes when all have gone or its time is over. Source: PROTOCOL.md
 * section 8.
 *
 * @module
 */

import { forEach, sequence, step } from "../machine.ts";
import { isRoutable, type Member } from "../membership/membership.ts";
import { mainHallOf } from "../wire/fields.ts";
import { refuseClaims } from "./claims.ts";
import { refuseLogin } from "./conclusions.ts";
import { endConnection } from "./departure.ts";
import { openLinkTo, report, tellPeers } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import { beginMove } from "./moves.ts";
import type { Client, Session } from "./records.ts";
import { refuseMover } from "./reservations.ts";
import { deleteRoom } from "./seats.ts";
import { type ServerState, type ServerStep, schedule } from "./state.ts";

/** How often users that could not be routed yet are looked at again. */
const sweepMs = 100;

/** Begins to leave. */
export function beginDrain(state: ServerState, reason: string): ServerStep {
  if (state.phase === "draining" || state.phase === "stopped") return step(state);
  const { serverid, timing } = state.config;
  const { incarnation } = state;
  const owned = [...state.rooms.values()].filter(({ owner }) => owner !== "");
  const timed = schedule(state, timing.drainMs, { type: "drained" });
  return sequence<ServerState, ServerEffect>(
    { ...timed, phase: "draining" },
    (s) =>
      step(
        s,
        report({ event: "draining", reason }),
        ...tellPeers(s, { type: "leaving", serverid, incarnation }),
      ),
    (s) => refuseClaims(s, "draining"),
    (s) => forEach(owned, s, (current, { roomid }) => deleteRoom(current, roomid)),
    drainOn,
  );
}

/** Routes whoever is not on the way yet, and leaves when nobody is left. */
export function drainOn(state: ServerState): ServerStep {
  if (state.phase !== "draining") return step(state);
  const targets = [...state.membership.values()].filter(
    (member) => isRoutable(member) && openLinkTo(state, member.id) !== undefined,
  );
  const isEmpty = state.sessions.isEmpty() && state.reservations.isEmpty();
  if (isEmpty || targets.length === 0) return drainOver(state);
  const load = new Map(targets.map(({ id }) => [id, state.peers.get(id)?.users ?? 0]));
  const waiting = [...state.sessions.values()].filter(({ move }) => move === undefined);
  return sequence<ServerState, ServerEffect>(
    state,
    (s) =>
      forEach(waiting, s, (current, session) => {
        const target = fewest(targets, load);
        load.set(target.id, (load.get(target.id) ?? 0) + 1);
        return routeAway(current, session, target);
      }),
    (s) => step(schedule(s, sweepMs, { type: "drain" })),
  );
}

function fewest(targets: readonly Member[], load: ReadonlyMap<Member["id"], number>): Member {
  return targets.reduce((least, other) =>
    (load.get(other.id) ?? 0) < (load.get(least.id) ?? 0) ? other : least,
  );
}

function routeAway(state: ServerState, session: Session, member: Member): ServerStep {
  const { connection } = session;
  if (connection === undefined) return step(state);
  if (state.clients.get(connection)?.activity.type !== "idle") return step(state);
  const place = { roomid: mainHallOf(member.id), member };
  return beginMove(state, session, connection, place, { readAt: state.now, wanted: false });
}

/** Whoever waits to be let in is still told why not; all others hear their farewell. */
function turnAway(state: ServerState, client: Client): ServerStep {
  const { connection, activity, backlog } = client;
  const asked = backlog.first()?.content.request?.type;
  if (activity.type === "verifying" || asked === "newidentity") {
    return refuseLogin(state, connection, "draining");
  }
  return asked === "movejoin"
    ? refuseMover(state, client, "draining")
    : endConnection(state, connection, "shutdown");
}

/** Goes: whoever is still here is cut off, the others are told, the process may end. */
export function drainOver(state: ServerState): ServerStep {
  if (state.phase !== "draining") return step(state);
  const { serverid } = state.config;
  const { incarnation } = state;
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => forEach(s.clients.values(), s, turnAway),
    (s) =>
      step(
        { ...s, phase: "stopped" },
        ...tellPeers(s, { type: "leave", serverid, incarnation }),
        ...[...s.links.keys()].map(
          (connection): ServerEffect => ({ type: "close", connection, reason: "shutdown" }),
        ),
        report({ event: "stopped", reason: "drained" }),
        { type: "stop", status: 0 },
      ),
  );
}
