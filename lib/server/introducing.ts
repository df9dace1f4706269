/**
 * This server introduces itself: over a new connection, or anew after an eviction.
 * Source: PROTOCOL.md section 6.
 *
 * @module
 */

import { forEach, sequence, step } from "../machine.ts";
import { isPresent } from "../membership/membership.ts";
import { type NewServer, protocolVersion } from "../wire/server-messages.ts";
import { renew } from "./eviction.ts";
import { holdingsOf } from "./holdings.ts";
import type { ServerEffect } from "./inputs.ts";
import { closeLink } from "./links.ts";
import { ownIntroduction } from "./members.ts";
import type { Link } from "./records.ts";
import { type ServerState, type ServerStep, wallClockOf } from "./state.ts";

/** How far a wall clock may be ahead: a higher incarnation is not believed. */
export const incarnationAheadMax: number = 24 * 60 * 60 * 1_000;

/** Introduces this server over a connection; what it holds follows at once. */
export function introduce(state: ServerState, link: Link): ServerStep {
  const { connection, peer } = link;
  const number = state.nextNumber;
  const known = state.membership.get(peer);
  const message: NewServer = {
    type: "newserver",
    ...ownIntroduction(state),
    version: protocolVersion,
    partition: state.config.partition,
    sequence: number,
    evicted: known?.status === "dead" ? known.incarnation : 0,
  };
  const isKnown = isPresent(known) && state.peers.get(peer)?.knownAs === state.incarnation;
  const parts = [message, ...holdingsOf(state, !isKnown)];
  return step(
    { ...state, nextNumber: number + 1 },
    ...parts.map((part): ServerEffect => ({ type: "send", to: [connection], message: part })),
  );
}

/**
 * This server is known as evicted, or was here before under a higher incarnation: it comes back
 * under a still higher one, and everybody is told over the links there are. An introduction under
 * way would still be answered under the old one, so it is made anew.
 */
export function comeBack(state: ServerState, evicted: number): ServerStep {
  const isPossible = evicted <= wallClockOf(state) + incarnationAheadMax;
  if (evicted < state.incarnation || !isPossible) return step(state);
  const floor = { ...state, incarnation: Math.max(state.incarnation, evicted) };
  const linksIn = (s: ServerState, wanted: Link["phase"]) =>
    [...s.links.values()].filter(({ phase }) => phase === wanted);
  return sequence<ServerState, ServerEffect>(
    floor,
    renew,
    (s) =>
      forEach(linksIn(s, "introducing"), s, (current, { connection }) =>
        closeLink(current, connection, "evicted"),
      ),
    (s) => forEach(linksIn(s, "open"), s, introduce),
  );
}
