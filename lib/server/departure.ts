/**
 * How users go: by their own word, by a lost connection, or cut off. Source: PROTOCOL.md section 3.
 *
 * @module
 */

import type { ConnectionId } from "../base/ids.ts";
import { forEach, sequence, step } from "../machine.ts";
import { withdrawClaim } from "./claims.ts";
import { closeClient } from "./clients.ts";
import { sendError } from "./effects.ts";
import type { CloseReason, ServerEffect } from "./inputs.ts";
import { withdrawMove } from "./moves.ts";
import type { Session } from "./records.ts";
import { endReservation } from "./reservations.ts";
import { endSession } from "./seats.ts";
import type { ServerState, ServerStep } from "./state.ts";

/** A connection is gone; what it stood for goes with it, but a mover's seat stays. */
export function clientClosed(state: ServerState, connection: ConnectionId): ServerStep {
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => depart(s, connection, "connection lost"),
    (s) => step({ ...s, clients: s.clients.delete(connection) }),
  );
}

/** Ends a connection from this side, and at once everything that it stood for. */
export function endConnection(
  state: ServerState,
  connection: ConnectionId,
  reason: CloseReason,
): ServerStep {
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => depart(s, connection, reason),
    (s) => closeClient(s, connection, reason),
  );
}

/** Ends every session, those of movers included: no name is held here any longer. */
export function endEverySession(state: ServerState, reason: CloseReason): ServerStep {
  return sequence<ServerState, ServerEffect>(
    state,
    (s) =>
      forEach(s.sessions.values(), s, (current, { connection }) =>
        connection === undefined ? step(current) : endConnection(current, connection, reason),
      ),
    (s) => step({ ...s, sessions: s.sessions.clear() }),
  );
}

/** An admin wants a user out: every session of that account ends, also one on its way to here. */
export function disconnectUser(state: ServerState, username: string): ServerStep {
  const isTheirs = (holder: { readonly username: string }) => holder.username === username;
  const sessions = [...state.sessions.values()].filter(isTheirs);
  const movers = [...state.reservations.values()].filter(isTheirs);
  const announced = state.announced.filterNot(isTheirs);
  return sequence<ServerState, ServerEffect>(
    { ...state, announced },
    (s) => forEach(movers, s, endReservation),
    (s) =>
      forEach(sessions, s, (current, { identity }) => {
        const session = current.sessions.get(identity);
        if (session === undefined) return step(current);
        return session.connection === undefined
          ? step({ ...current, sessions: current.sessions.delete(identity) })
          : endConnection(current, session.connection, "disconnected");
      }),
  );
}

/** A client that did not log in in time. */
export function loginOverdue(state: ServerState, connection: ConnectionId): ServerStep {
  const client = state.clients.get(connection);
  if (client === undefined || client.identity !== undefined) return step(state);
  const seconds = state.config.timing.loginMs / 1_000;
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => step(s, ...sendError(connection, "login-required", `no login within ${seconds} s`)),
    (s) => endConnection(s, connection, "login-timeout"),
  );
}

function depart(state: ServerState, connection: ConnectionId, reason: string): ServerStep {
  const client = state.clients.get(connection);
  if (client === undefined) return step(state);
  if (client.activity.type === "claiming") {
    const { name } = client.activity;
    return sequence<ServerState, ServerEffect>(
      state,
      (s) => withdrawClaim(s, name, connection),
      (s) => endSessionOf(s, connection, reason),
    );
  }
  return endSessionOf(state, connection, reason);
}

function endSessionOf(state: ServerState, connection: ConnectionId, reason: string): ServerStep {
  const session = sessionOf(state, connection);
  if (session === undefined) return step(state);
  const phase = session.move?.phase;
  if (phase === "routed" || phase === "ending") {
    const alone = { ...session, connection: undefined };
    return step({ ...state, sessions: state.sessions.set(session.identity, alone) });
  }
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => withdrawMove(s, session),
    (s) => endSession(s, { ...session, move: undefined }, reason),
  );
}

/** The session that a connection stands for. */
export function sessionOf(state: ServerState, connection: ConnectionId): Session | undefined {
  const identity = state.clients.get(connection)?.identity;
  const session = identity === undefined ? undefined : state.sessions.get(identity);
  return session?.connection === connection ? session : undefined;
}
