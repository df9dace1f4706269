/**
 * The start: whom a server waits for before it takes clients. Source: PROTOCOL.md section 8.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { forEach, sequence, step } from "../machine.ts";
import { isPresent } from "../membership/membership.ts";
import { formatAddress } from "../wire/fields.ts";
import { serveAll } from "./clients.ts";
import { openLinkTo, report } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import { dialContact, dialPeer, newPeer } from "./links.ts";
import { type ServerState, type ServerStep, schedule } from "./state.ts";

/** Begins: everybody who is to be asked first is dialled. */
export function beginGathering(state: ServerState): ServerStep {
  const { contacts, timing } = state.config;
  const peers = new Map(state.peers);
  const unknown = new Map(state.contacts);
  for (const { serverid, address } of contacts) {
    if (serverid === undefined) unknown.set(formatAddress(address), address);
    else peers.set(serverid, newPeer(state, serverid, address));
  }
  const begun = schedule({ ...state, peers, contacts: unknown }, state.gatherUntil - state.now, {
    type: "gathered",
  });
  return sequence<ServerState, ServerEffect>(
    schedule({ ...begun, beatDueAt: state.now + timing.heartbeatMs }, timing.heartbeatMs, {
      type: "heartbeat",
    }),
    (s) => forEach(peers.keys(), s, dialPeer),
    (s) => forEach(unknown.values(), s, dialContact),
    gather,
  );
}

/** Takes clients as soon as everybody known has answered or has introduced itself. */
export function gather(state: ServerState): ServerStep {
  if (state.phase !== "starting" || state.fenced) return step(state);
  const { mustJoin } = state.config;
  const waitsForContact = state.contacts.size > 0 && !mustJoin;
  const isComplete = [...state.peers.keys()].every(
    (id) => openLinkTo(state, id) !== undefined || !isAwaited(state, id),
  );
  const isOver = !mustJoin && state.now >= state.gatherUntil;
  const isReady = isOver || (hasJoined(state) && isComplete && !waitsForContact);
  return isReady ? takeClients(state) : step(state);
}

/**
 * Whether this server belongs to the cluster: a newcomer that took others in before it is taken in
 * itself would begin a cluster of its own.
 */
export function hasJoined({ config, phase, membership }: ServerState): boolean {
  return !config.mustJoin || phase !== "starting" || [...membership.values()].some(isPresent);
}

/** Whether a start waits for somebody: not for the dead, nor for whom nobody lists any longer. */
function isAwaited(state: ServerState, id: ServerId): boolean {
  const member = state.membership.get(id);
  if (member !== undefined) return isPresent(member);
  const { listedAt } = state.peers.get(id) ?? { listedAt: Number.NEGATIVE_INFINITY };
  return !state.config.mustJoin || state.now - listedAt < state.config.timing.suspectMs;
}

/**
 * The time to wait is over: a server of a file goes on, a newcomer that reached nobody gives up.
 */
export function gatheringOver(state: ServerState): ServerStep {
  if (state.phase !== "starting") return step(state);
  const { contacts, mustJoin } = state.config;
  if (!mustJoin) return gather(state);
  if ([...state.membership.values()].some(isPresent)) return step(state);
  const tried = contacts.map(({ address }) => formatAddress(address)).join(", ");
  return giveUp(state, `none of ${tried} answered as a server of this cluster`);
}

/** A newcomer that can't become a member ends. */
export function giveUp(state: ServerState, detail: string): ServerStep {
  return step({ ...state, phase: "stopped" }, report({ event: "join-failed", detail }), {
    type: "stop",
    status: 1,
  });
}

function takeClients(state: ServerState): ServerStep {
  const members = [...state.membership.values()].filter(isPresent).map(({ id }) => id);
  return step(serveAll({ ...state, phase: "serving" }), report({ event: "ready", members }));
}
