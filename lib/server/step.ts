/**
 * The chat server as a machine. Only a router: from an input to the conversation it belongs to.
 *
 * @module
 */

import { type Machine, sequence, step } from "../machine.ts";
import { clientOpened, lineArrived } from "./clients.ts";
import { nextDeadline, settleDeadlines } from "./deadlines.ts";
import { clientClosed } from "./departure.ts";
import { dialled, peerOpened } from "./dialling.ts";
import type { ServerEffect, ServerInput } from "./inputs.ts";
import { linkLost } from "./links.ts";
import { ticketVerified } from "./login.ts";
import { moverCarriesOn } from "./moves.ts";
import { cutOff, peerSaid } from "./peers.ts";
import { serveClients } from "./requests.ts";
import type { ServerState, ServerStep } from "./state.ts";

/**
 * The chat server.
 *
 * @example
 * ```ts
 * let { state, effects } = serverMachine.step(createServer(config, 0, wallClock), { type: "tick", at: 0 });
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

function take(state: ServerState, input: ServerInput): ServerStep {
  switch (input.type) {
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
      if (link !== undefined) return cutOff(state, link, input.error.detail);
      return lineArrived(state, input.connection, { error: input.error }, 0);
    }
    case "closed":
      return state.clients.has(input.connection)
        ? clientClosed(state, input.connection)
        : linkLost(state, input.connection);
    case "verified":
      return ticketVerified(state, input.connection, input.request, input.outcome);
    case "dialled":
      return dialled(state, input.dial, input.outcome);
    default:
      return step(state);
  }
}

/** A client that was routed and speaks here all the same wants to stay. */
function carryOn(state: ServerState, connection: ServerState["unserved"][number]): ServerStep {
  const client = state.clients.get(connection);
  return client?.activity.type === "routed" && client.identity !== undefined
    ? moverCarriesOn(state, client.identity)
    : step(state);
}
