/**
 * The target of a move: it keeps an identity for a mover on its way, and it alone ends the move.
 * Source: PROTOCOL.md section 5.
 *
 * @module
 */

import type { Identity, ServerId } from "../base/ids.ts";
import { sequence, step } from "../machine.ts";
import type { Refusal } from "../wire/client-messages.ts";
import { asIdentity, flag } from "../wire/fields.ts";
import { becomeIdle, closeClient } from "./clients.ts";
import { report, send, tellPeer } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import type { Client, EndedMove, Reservation } from "./records.ts";
import { admit, hallOf } from "./seats.ts";
import { type ServerState, type ServerStep, schedule } from "./state.ts";

/** Keeps the identity for a mover, or refuses it; nobody has the name locked any longer. */
export function reserve(state: ServerState, wish: Reservation): ServerStep {
  const { identity, from, move, pass } = wish;
  const known = state.reservations.get(identity);
  const isRepeated = known?.from === from && known.move === move;
  const refusal = isRepeated ? undefined : refusalOf(state, wish);
  const { serverid } = state.config;
  const answer = { type: "moveidentity", serverid, identity, move } as const;
  if (refusal !== undefined) {
    return step(
      state,
      ...tellPeer(state, from, { ...answer, approved: flag(false), reason: refusal }),
    );
  }
  if (isRepeated) {
    const repeated = { ...answer, approved: flag(true), pass: known.pass };
    return step(state, ...tellPeer(state, from, repeated));
  }
  const reserved = { ...state, reservations: state.reservations.set(identity, wish) };
  return step(
    schedule(reserved, state.config.timing.reservationMs, { type: "reservation", identity, pass }),
    ...tellPeer(state, from, { ...answer, approved: flag(true), pass }),
  );
}

function refusalOf(state: ServerState, wish: Reservation): Refusal | undefined {
  if (state.phase === "draining") return "draining";
  if (state.phase !== "serving") return "unreachable";
  if (state.fenced) return "no-quorum";
  const known = state.reservations.get(wish.identity);
  // Who announces anew has given its earlier move up, though its word of that was lost.
  const isEarlier = known?.from === wish.from && known.move < wish.move;
  const isTaken = state.sessions.has(wish.identity) || (known !== undefined && !isEarlier);
  return isTaken ? "identity-in-use" : undefined;
}

/** A client says that it was routed here; the pass proves it. */
export function moverArrived(
  state: ServerState,
  client: Client,
  request: { readonly identity: string; readonly ticket?: string },
): ServerStep {
  const identity = asIdentity(request.identity);
  if (identity === undefined) return refuseMover(state, client, "identity-invalid");
  const reservation = state.reservations.get(identity);
  if (request.ticket === undefined) return refuseMover(state, client, "login-required");
  if (reservation === undefined || !sameText(reservation.pass, request.ticket)) {
    return refuseMover(state, client, "ticket-invalid");
  }
  return seatMover(state, client, reservation);
}

function seatMover(state: ServerState, client: Client, reservation: Reservation): ServerStep {
  const { identity, username, claimedAt, former, from, move } = reservation;
  const { connection } = client;
  const { serverid } = state.config;
  const roomid = state.rooms.has(reservation.roomid) ? reservation.roomid : hallOf(state).roomid;
  const session = { identity, username, claimedAt, connection, roomid, move: undefined };
  return sequence<ServerState, ServerEffect>(
    { ...state, reservations: state.reservations.delete(identity) },
    (s) => step(s, send(connection, { type: "serverchange", approved: flag(true), serverid })),
    (s) => admit(s, session, former),
    (s) => step(becomeIdle(s, connection), report({ event: "arrived", identity, from })),
    (s) => moveOver(s, { identity, from, move, arrived: true }),
  );
}

/** Answers a `movejoin` that can't be taken; the connection ends, the pass lives on. */
export function refuseMover(state: ServerState, client: Client, reason: Refusal): ServerStep {
  const { connection } = client;
  const { serverid } = state.config;
  return sequence<ServerState, ServerEffect>(
    state,
    (s) =>
      step(
        s,
        send(connection, { type: "serverchange", approved: flag(false), serverid, reason }),
        report({ event: "login-refused", connection, reason }),
      ),
    (s) => closeClient(s, connection, "refused"),
  );
}

/** Nobody came in time. */
export function reservationOverdue(
  state: ServerState,
  identity: Identity,
  pass: string,
): ServerStep {
  const reservation = state.reservations.get(identity);
  return reservation?.pass === pass ? endReservation(state, reservation) : step(state);
}

/**
 * The server that was left asks for the end of a move; the answer is how it ended, once and for
 * all.
 */
export function endMoveAsked(
  state: ServerState,
  from: ServerId,
  identity: Identity,
  move: number,
): ServerStep {
  const reservation = state.reservations.get(identity);
  if (reservation?.from === from && reservation.move === move) {
    return endReservation(state, reservation);
  }
  const announced = state.announced.get(identity);
  const withdrawn =
    announced?.from === from && announced.move === move
      ? { ...state, announced: state.announced.delete(identity) }
      : state;
  // What never was a reservation is not remembered either: asked again, the answer is the same.
  const ended = state.endedMoves.get(moveKey({ from, move }));
  const answer = ended ?? { identity, from, move, arrived: false };
  return step(withdrawn, ...tellMoveEnded(withdrawn, answer));
}

/** The server that was left knows how the move ended: it need not be kept any longer. */
export function endMoveAcknowledged(state: ServerState, from: ServerId, move: number): ServerStep {
  return step({ ...state, endedMoves: state.endedMoves.delete(moveKey({ from, move })) });
}

/** Ends a reservation before anybody came; the server that was left is told. */
export function endReservation(state: ServerState, reservation: Reservation): ServerStep {
  const { identity, from, move } = reservation;
  const reservations = state.reservations.delete(identity);
  return moveOver({ ...state, reservations }, { identity, from, move, arrived: false });
}

/** Remembers how a move ended and says so; said again after every break until acknowledged. */
function moveOver(state: ServerState, ended: EndedMove): ServerStep {
  const { status } = state.membership.get(ended.from) ?? { status: "left" };
  if (status === "left") return step(state);
  const endedMoves = state.endedMoves.set(moveKey(ended), ended);
  return step({ ...state, endedMoves }, ...tellMoveEnded(state, ended));
}

/** Tells the server that was left how a move ended. */
export function tellMoveEnded(state: ServerState, ended: EndedMove): readonly ServerEffect[] {
  const { identity, from, move, arrived } = ended;
  const { serverid } = state.config;
  return tellPeer(state, from, {
    type: "moveended",
    serverid,
    identity,
    move,
    arrived: flag(arrived),
  });
}

function moveKey({ from, move }: Pick<EndedMove, "from" | "move">): string {
  return `${from} ${move}`;
}

/** Compares without telling by the time it takes where two texts differ. */
function sameText(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let index = 0; index < one.length; index++) {
    difference |= one.charCodeAt(index) ^ other.charCodeAt(index);
  }
  return difference === 0;
}
