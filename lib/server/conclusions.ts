/**
 * What a claim comes to: the name is won and taken, or its client is told why not.
 * Source: PROTOCOL.md sections 3 and 7.
 *
 * @module
 */

import { assert } from "../base/assert.ts";
import { sequence, step } from "../machine.ts";
import type { Refusal } from "../wire/client-messages.ts";
import { flag } from "../wire/fields.ts";
import { becomeIdle, closeClient } from "./clients.ts";
import { refuseRoom, report, send } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import type { Claim } from "./records.ts";
import { admit, changeRoom, hallOf, openRoom } from "./seats.ts";
import { type ServerState, type ServerStep, wallClockOf } from "./state.ts";

/** Takes what a claim has won. */
export function concludeWon(state: ServerState, claim: Claim): ServerStep {
  const { connection, identity, purpose } = claim;
  if (purpose.type === "createroom") return enterNewRoom(state, claim, purpose.roomid);
  const session = {
    identity,
    username: purpose.username,
    claimedAt: wallClockOf(state),
    connection,
    roomid: hallOf(state).roomid,
    move: undefined,
  };
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => step(s, send(connection, { type: "newidentity", approved: flag(true) })),
    (s) => admit(s, session, ""),
    (s) =>
      step(
        becomeIdle(s, connection),
        report({ event: "login", identity, username: purpose.username }),
      ),
  );
}

function enterNewRoom(
  state: ServerState,
  { connection, identity }: Claim,
  roomid: Parameters<typeof openRoom>[1],
): ServerStep {
  const session = state.sessions.get(identity);
  assert(session !== undefined, "a claim ends with its session");
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => openRoom(s, roomid, identity, wallClockOf(s)),
    (s) => step(s, send(connection, { type: "createroom", roomid, approved: flag(true) })),
    (s) => changeRoom(s, session, roomid),
    (s) => step(becomeIdle(s, connection)),
  );
}

/** Tells a client why it did not get the name. */
export function concludeRefused(state: ServerState, claim: Claim, reason: Refusal): ServerStep {
  const { connection, purpose } = claim;
  return purpose.type === "createroom"
    ? step(
        becomeIdle(state, connection),
        refuseRoom("createroom", connection, purpose.roomid, reason),
      )
    : refuseLogin(state, connection, reason);
}

/** Refuses a login; the connection ends. */
export function refuseLogin(
  state: ServerState,
  connection: Claim["connection"],
  reason: Refusal,
): ServerStep {
  const { auth } = state.config;
  const where =
    reason === "login-required" && auth !== undefined
      ? { authhost: auth.host, authport: String(auth.port) }
      : {};
  return sequence<ServerState, ServerEffect>(
    state,
    (s) =>
      step(
        s,
        send(connection, { type: "newidentity", approved: flag(false), reason, ...where }),
        report({ event: "login-refused", connection, reason }),
      ),
    (s) => closeClient(s, connection, "refused"),
  );
}
