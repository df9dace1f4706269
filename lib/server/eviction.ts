/**
 * Evictions: what goes with a member that is dead, and what a server does that hears of its own.
 * Source: PROTOCOL.md section 8.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { forEach, sequence, step } from "../machine.ts";
import { changeMember, isPresent } from "../membership/membership.ts";
import { openBallots, settleName, yieldAttempt } from "./claims.ts";
import { endEverySession } from "./departure.ts";
import { report, tellPeers } from "./effects.ts";
import { gather } from "./gathering.ts";
import type { ServerEffect } from "./inputs.ts";
import { closeLink, redialLater } from "./links.ts";
import { forgetMember } from "./members.ts";
import { keepGhost } from "./quorum.ts";
import { type ServerState, type ServerStep, wallClockOf } from "./state.ts";

/** Removes a member from everything; it is dialled on, for it may only have been cut off. */
export function evict(state: ServerState, id: ServerId, reason: string): ServerStep {
  const member = state.membership.get(id);
  if (!isPresent(member)) return step(state);
  const { serverid } = state.config;
  const { incarnation } = member;
  const suspicions = new Map(state.suspicions);
  suspicions.delete(id);
  const links = [...state.links.values()].filter(({ peer }) => peer === id);
  const news = { type: "evicted", serverid, evictedid: id, incarnation } as const;
  return sequence<ServerState, ServerEffect>(
    { ...state, suspicions },
    (s) => keepGhost(s, id),
    (s) => {
      const membership = changeMember(s.membership, id, { status: "dead", leaving: false });
      return step({ ...s, membership });
    },
    (s) => forEach(links, s, (current, link) => closeLink(current, link.connection, "evicted")),
    (s) => step(links.length === 0 ? redialLater(s, id) : s),
    (s) => forgetMember(s, id),
    (s) =>
      step(
        s,
        ...tellPeers(s, news),
        report({ event: "member-evicted", member: id, incarnation, reason }),
      ),
    gather,
  );
}

/**
 * This server was evicted under the incarnation it had: it comes back under a higher one. If it had
 * stood still, others may have taken its names meanwhile, so it comes back without them.
 */
export function renew(state: ServerState): ServerStep {
  const { stalledMs, redialMaxMs } = state.config.timing;
  const stoodStill = state.now - state.stoodStillAt < stalledMs + 2 * redialMaxMs;
  const incarnation = Math.max(state.incarnation + 1, wallClockOf(state));
  const renewed: ServerState = {
    ...state,
    incarnation,
    clock: Math.max(state.clock, incarnation),
    announced: state.announced.clear(),
    reservations: state.reservations.clear(),
    endedMoves: state.endedMoves.clear(),
  };
  return sequence<ServerState, ServerEffect>(
    renewed,
    (s) => (stoodStill ? endEverySession(s, "evicted") : step(s)),
    (s) => forEach(openBallots(s), s, (current, [name]) => yieldAttempt(current, name)),
    (s) => forEach(s.claims.keys(), s, settleName),
  );
}
