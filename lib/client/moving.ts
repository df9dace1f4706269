/**
 * How a client follows a route: it stays on the old connection until the new server has taken it,
 * and goes on there if it does not. Source: PROTOCOL.md section 5.
 *
 * @module
 */

import { type Instant, sequence, step } from "../machine.ts";
import type { ClientReply, Refusal } from "../wire/client-messages.ts";
import { settleIn } from "./asking.ts";
import { addressOf, close, dial, lost, show } from "./recovery.ts";
import type { Chatting, ClientEffect, ClientState, ClientStep, Moving } from "./state.ts";

/** As long as the pass of a move lives. */
const moveMs = 10_000;

type Route = Extract<ClientReply, { type: "route" }>;

/** The server says where the room is: dials, and holds back what is typed. */
export function routed(state: ClientState, at: Instant, old: Chatting, route: Route): ClientStep {
  const where = addressOf(route.host, route.port);
  const held = { ...state, awaiting: undefined };
  if (where === undefined) {
    const detail = "the server named no usable address";
    return stayedOn(held, at, old, { detail });
  }
  const dialled = dial(held, "chat", where);
  const phase: Moving = {
    name: "moving",
    old,
    from: old.where,
    link: dialled.link,
    where,
    roomid: route.roomid,
    // Servers of others put it where one of the real clients looks for it.
    pass: route.ticket === "" ? route.username : route.ticket,
    deadline: at + moveMs,
  };
  return step({ ...dialled.state, phase }, dialled.effect);
}

/** The new connection stands: shows the pass. */
export function moveOpened(state: ClientState, phase: Moving): ClientStep {
  const pass = phase.pass === "" ? {} : { ticket: phase.pass };
  const { identity } = state.config;
  const message = {
    type: "movejoin",
    former: state.room,
    roomid: phase.roomid,
    identity,
    ...pass,
  } as const;
  return step(state, { type: "send", link: phase.link, message });
}

/** The first line of the new server decides. */
export function moveAnswered(
  state: ClientState,
  at: Instant,
  phase: Moving,
  reply: ClientReply,
): ClientStep {
  if (reply.type !== "serverchange" || reply.approved !== "true") {
    const reason = reply.type === "serverchange" ? reply.reason : undefined;
    const detail = reply.type === "error" ? reply.detail : "not taken there";
    return moveFailed(state, at, phase, reason === undefined ? { detail } : { reason });
  }
  const { link, where, old } = phase;
  const chatting = { name: "chatting", link, where, since: at, deadline: undefined } as const;
  return sequence<ClientState, ClientEffect>(
    { ...state, phase: chatting, target: where },
    (s) =>
      step<ClientState, ClientEffect>(
        s,
        show({ kind: "switched", serverid: reply.serverid }),
        ...(old === undefined ? [] : [close(old.link)]),
      ),
    (s) => settleIn(s, at),
  );
}

type Why = { readonly reason: Refusal } | { readonly detail: string };

/** The new server did not take the client: goes on on the old connection, if that still stands. */
export function moveFailed(state: ClientState, at: Instant, phase: Moving, why: Why): ClientStep {
  const { old, from } = phase;
  if (old !== undefined) {
    return sequence(
      state,
      (s) => step(s, close(phase.link)),
      (s) => stayedOn(s, at, old, why),
    );
  }
  const failed = show({ kind: "switch-failed", ...why });
  return sequence(
    state,
    (s) => step(s, failed),
    (s) => lost(s, at, { where: from, since: at }, "it ended during the move"),
  );
}

/** Asking something at once lets the old server know that the client is still there. */
function stayedOn(state: ClientState, at: Instant, old: Chatting, why: Why): ClientStep {
  return sequence<ClientState, ClientEffect>(
    { ...state, phase: { ...old, deadline: undefined } },
    (s) => step(s, show({ kind: "switch-failed", ...why })),
    (s) => settleIn(s, at),
  );
}
