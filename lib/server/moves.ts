/**
 * Moves as the server sees them that is left: announce the mover, route it, and keep its identity
 * and seat until the target says how the move ended. Source: PROTOCOL.md section 5.
 *
 * @module
 */

import type { ConnectionId, Identity, RoomId, ServerId } from "../base/ids.ts";
import { forEach, type Instant, sequence, step } from "../machine.ts";
import { isRoutable, type Member } from "../membership/membership.ts";
import type { Refusal } from "../wire/client-messages.ts";
import { flag } from "../wire/fields.ts";
import type { MoveIdentity, PeerMessage } from "../wire/server-messages.ts";
import { becomeIdle, closeClient, waitFor } from "./clients.ts";
import { openLinkTo, refuseJoin, report, send, tellPeer } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import type { Move, Session } from "./records.ts";
import { admit, hallOf, leaveForRoute } from "./seats.ts";
import { type ServerState, type ServerStep, schedule } from "./state.ts";

/** Announces a user to the server of the room that it wants to join. */
export function announceMove(
  state: ServerState,
  session: Session,
  connection: ConnectionId,
  place: { readonly roomid: RoomId; readonly member: Member },
  readAt: Instant,
): ServerStep {
  const { member } = place;
  if (member.leaving) return step(state, refuseJoin(connection, session, "draining"));
  if (!isRoutable(member) || openLinkTo(state, member.id) === undefined) {
    return step(state, refuseJoin(connection, session, "unreachable"));
  }
  return beginMove(state, session, connection, place, { readAt, wanted: true });
}

/** Begins a move that nothing speaks against, wanted by the user or by a server that drains. */
export function beginMove(
  state: ServerState,
  session: Session,
  connection: ConnectionId,
  place: { readonly roomid: RoomId; readonly member: Member },
  { readAt, wanted }: { readonly readAt: Instant; readonly wanted: boolean },
): ServerStep {
  const { member, roomid } = place;
  const { identity } = session;
  const target = member.id;
  const move: Move = { number: state.nextNumber, target, roomid, phase: "announced", wanted };
  const { announceMs, requestMs } = state.config.timing;
  const delayMs = Math.max(0, Math.min(announceMs, readAt + requestMs - state.now));
  const waiting = waitFor(
    withMove({ ...state, nextNumber: move.number + 1 }, session, move),
    connection,
    { type: "announcing", move: move.number },
  );
  return step(
    schedule(waiting, delayMs, { type: "announced", identity, move: move.number }),
    ...tellPeer(waiting, member.id, announcementOf(state, session, move)),
  );
}

/** The target has answered: the user is routed, or stays where it is. */
export function moveAnswered(
  state: ServerState,
  from: ServerId,
  answer: Extract<MoveIdentity, { approved: unknown }>,
): ServerStep {
  const session = state.sessions.get(answer.identity);
  const move = moveOf(session, from, answer.move);
  if (session?.connection === undefined || move?.phase !== "announced") return step(state);
  const target = state.membership.get(from);
  return answer.approved === "true" && answer.pass !== undefined && isRoutable(target)
    ? route(state, session, session.connection, { move, target, pass: answer.pass })
    : refuseMove(state, session, session.connection, answer.reason ?? "unreachable");
}

function route(
  state: ServerState,
  session: Session,
  connection: ConnectionId,
  to: { readonly move: Move; readonly target: Member; readonly pass: string },
): ServerStep {
  const { move, target, pass } = to;
  const { identity } = session;
  const message = {
    type: "route",
    roomid: move.roomid,
    host: target.client.host,
    port: String(target.client.port),
    ticket: pass,
    username: pass,
  } as const;
  return sequence<ServerState, ServerEffect>(
    withMove(state, session, { ...move, phase: "routed" }),
    (s) => step(s, send(connection, message)),
    (s) => leaveForRoute(s, s.sessions.get(identity) ?? session, move.roomid),
    (s) =>
      step(
        waitFor(s, connection, { type: "routed", move: move.number }),
        report({ event: "routed", identity, to: target.id }),
      ),
  );
}

function refuseMove(
  state: ServerState,
  session: Session,
  connection: ConnectionId,
  reason: Refusal,
): ServerStep {
  const stays = becomeIdle(withMove(state, session, undefined), connection);
  const isWanted = session.move?.wanted ?? true;
  return isWanted ? step(stays, refuseJoin(connection, session, reason)) : step(stays);
}

/** The target has not answered in time: the user stays, the announcement is withdrawn. */
export function announcementOverdue(
  state: ServerState,
  identity: Identity,
  number: number,
): ServerStep {
  const session = state.sessions.get(identity);
  const { move, connection } = session ?? {};
  if (session === undefined || connection === undefined) return step(state);
  if (move?.number !== number || move.phase !== "announced") return step(state);
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => step(s, ...askForEnd(s, session, move)),
    (s) => refuseMove(s, session, connection, "unreachable"),
  );
}

/** A routed user goes on typing here: the target is asked to end the move, and decides. */
export function moverCarriesOn(state: ServerState, identity: Identity): ServerStep {
  const session = state.sessions.get(identity);
  if (session?.move?.phase !== "routed") return step(state);
  const ending = withMove(state, session, { ...session.move, phase: "ending" });
  return step(ending, ...askForEnd(state, session, session.move));
}

/** The target has said how a move ended. */
export function moveEnded(
  state: ServerState,
  from: ServerId,
  identity: Identity,
  number: number,
  arrived: boolean,
): ServerStep {
  const session = state.sessions.get(identity);
  const move = moveOf(session, from, number);
  const { serverid } = state.config;
  const acknowledgement = {
    type: "endmove",
    serverid,
    identity,
    move: number,
    acknowledged: flag(true),
  } as const;
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => step(s, ...tellPeer(s, from, acknowledgement)),
    (s) => {
      if (session === undefined || move === undefined) return step(s);
      return arrived ? letGo(s, session) : bringBack(s, session);
    },
  );
}

/** The mover is over there: nothing of it stays here. */
function letGo(state: ServerState, { identity, connection }: Session): ServerStep {
  const gone = { ...state, sessions: state.sessions.delete(identity) };
  return connection === undefined ? step(gone) : closeClient(gone, connection, "moved");
}

/** The move came to nothing: the user is in the main hall, or gone if it has left meanwhile. */
function bringBack(state: ServerState, session: Session): ServerStep {
  const { identity, connection, move, roomid } = session;
  if (connection === undefined) {
    const gone = { ...state, sessions: state.sessions.delete(identity) };
    return step(gone, report({ event: "logout", identity, reason: "gone while moving" }));
  }
  if (move?.phase === "announced") return refuseMove(state, session, connection, "unreachable");
  const back = { ...session, connection, roomid: hallOf(state).roomid, move: undefined };
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => admit(s, back, roomid),
    (s) => step(becomeIdle(s, connection)),
  );
}

/** Everybody who was on the way to a member that is gone is back. */
export function bringBackMovers(state: ServerState, target: ServerId): ServerStep {
  return forEach(moversTo(state, target), state, bringBack);
}

/** A link was made anew: the target hears again what it may have missed. */
export function repeatMoves(state: ServerState, target: ServerId): ServerStep {
  return forEach(moversTo(state, target), state, (s, session) => {
    const { move } = session;
    if (move?.phase === "announced") {
      return step(s, ...tellPeer(s, target, announcementOf(s, session, move)));
    }
    return step(s, ...(move?.phase === "ending" ? askForEnd(s, session, move) : []));
  });
}

/** Withdraws the announcement of a user who leaves before the target has answered. */
export function withdrawMove(state: ServerState, session: Session): ServerStep {
  const { move } = session;
  if (move === undefined) return step(state);
  return step(withMove(state, session, undefined), ...askForEnd(state, session, move));
}

function moversTo(state: ServerState, target: ServerId): Session[] {
  return [...state.sessions.values()].filter(({ move }) => move?.target === target);
}

function moveOf(session: Session | undefined, target: ServerId, number: number): Move | undefined {
  const move = session?.move;
  return move?.number === number && move.target === target ? move : undefined;
}

function withMove(state: ServerState, session: Session, move: Move | undefined): ServerState {
  return { ...state, sessions: state.sessions.set(session.identity, { ...session, move }) };
}

function askForEnd(state: ServerState, { identity }: Session, move: Move): readonly ServerEffect[] {
  const { serverid } = state.config;
  const { number, target } = move;
  return tellPeer(state, target, {
    type: "endmove",
    serverid,
    identity,
    move: number,
    acknowledged: flag(false),
  });
}

function announcementOf(state: ServerState, session: Session, move: Move): PeerMessage {
  const { identity, username, claimedAt, roomid: former } = session;
  const { serverid } = state.config;
  const { number, roomid } = move;
  return {
    type: "moveidentity",
    serverid,
    identity,
    move: number,
    username,
    claimedat: claimedAt,
    former,
    roomid,
  };
}
