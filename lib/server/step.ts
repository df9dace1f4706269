/**
 * The chat server as a machine. Only a router: from an input to the conversation it belongs to.
 *
 * @module
 */

import type { ConnectionId } from "../base/ids.ts";
import { type Machine, sequence, step } from "../machine.ts";
import { adminAsked, adminMalformed } from "./admin.ts";
import { clientOpened, lineArrived } from "./clients.ts";
import { nextDeadline, settleDeadlines } from "./deadlines.ts";
import { clientClosed } from "./departure.ts";
import { dialled, peerOpened } from "./dialling.ts";
import { beginDrain } from "./drain.ts";
import type { ServerEffect, ServerInput } from "./inputs.ts";
import { linkLost } from "./links.ts";
import { ticketVerified } from "./login.ts";
import { moverCarriesOn } from "./moves.ts";
import { peerMalformed, peerSaid } from "./peers.ts";
import { serveClients } from "./requests.ts";
import type { ServerState, ServerStep } from "./state.ts";

/**
 * The chat server.
 *
 * @example
 * ```ts
 * const fresh = createServer(config, 0, wallClock);
 * let { state, effects } = serverMachine.step(fresh, { type: "tick", at: 0 });
 * ```
 */
export const serverMachine: Machine<ServerState, ServerInput, ServerEffect> = {
  step(state, input) {
    if (state.phase === "stopped") return step(state);
    return sequence<ServerState, ServerEffect>(
      state,
      (s) => settleDeadlines(s, input.at),
      (s) => take(s, input),
      serveClients,
    );
  },
  nextDeadline,
};

/** What a line counts for that was not kept. */
const errorSize = 64;

function take(state: ServerState, input: ServerInput): ServerStep {
  switch (input.type) {
    case "tick":
      return step(state);
    case "opened":
      if (input.role === "client") return clientOpened(state, input.connection);
      if (input.role === "peer") return peerOpened(state, input.connection, input.certificateId);
      return step({ ...state, admins: new Set(state.admins).add(input.connection) });
    case "request":
      return sequence<ServerState, ServerEffect>(
        state,
        (s) => lineArrived(s, input.connection, { request: input.request }, input.size),
        (s) => carryOn(s, input.connection),
      );
    case "peer-message":
      return peerSaid(state, input.connection, input.message, input.random);
    case "malformed": {
      const link = state.links.get(input.connection);
      if (link !== undefined) return peerMalformed(state, link, input.error);
      if (state.admins.has(input.connection)) {
        return adminMalformed(state, input.connection, input.error);
      }
      return lineArrived(state, input.connection, { error: input.error }, errorSize);
    }
    case "closed":
      return closed(state, input.connection);
    case "verified":
      return ticketVerified(state, input.connection, input.request, input.outcome);
    case "dialled":
      return dialled(state, input.dial, input.outcome);
    case "admin-request":
      return adminAsked(state, input.connection, input.request);
    case "command":
      return beginDrain(state, "asked by a signal");
  }
}

function closed(state: ServerState, connection: ConnectionId): ServerStep {
  if (state.clients.has(connection)) return clientClosed(state, connection);
  if (!state.admins.has(connection)) return linkLost(state, connection);
  const admins = new Set(state.admins);
  admins.delete(connection);
  return step({ ...state, admins });
}

/** A client that was routed and speaks here all the same wants to stay. */
function carryOn(state: ServerState, connection: ConnectionId): ServerStep {
  const client = state.clients.get(connection);
  return client?.activity.type === "routed" && client.identity !== undefined
    ? moverCarriesOn(state, client.identity)
    : step(state);
}
