/**
 * Time: every deadline that has passed is settled before an input is looked at, in the order of the
 * deadlines. What is no longer so is ignored. Source: PROTOCOL.md section 7.
 *
 * @module
 */

import { smallestKey, takeSmallest } from "../base/heap.ts";
import type { Instant } from "../machine.ts";
import { contestWon } from "./answering.ts";
import { claimOverdue, settleName } from "./claims.ts";
import { endPace } from "./clients.ts";
import { loginOverdue } from "./departure.ts";
import { allowForOwnStall, assess, watchDue } from "./detection.ts";
import { drainOn, drainOver } from "./drain.ts";
import { beginGathering, gatheringOver } from "./gathering.ts";
import { beat } from "./heartbeats.ts";
import type { ServerEffect } from "./inputs.ts";
import { dialContact, dialPeer, introductionOverdue } from "./links.ts";
import { announcementOverdue } from "./moves.ts";
import { fenceDue, ghostOver } from "./quorum.ts";
import type { Deadline } from "./records.ts";
import { refuseOverdue } from "./requests.ts";
import { reservationOverdue } from "./reservations.ts";
import type { ServerState, ServerStep } from "./state.ts";
import { leaseOver } from "./votes.ts";

/** When the server next wants a tick. */
export function nextDeadline(state: ServerState): Instant | undefined {
  return state.phase === "stopped" ? undefined : smallestKey(state.deadlines);
}

/** Settles everything that is due at `at`. */
export function settleDeadlines(state: ServerState, at: Instant): ServerStep {
  let current = allowForOwnStall({ ...state, now: Math.max(state.now, at) });
  const effects: ServerEffect[] = [];
  for (;;) {
    const dueAt = smallestKey(current.deadlines);
    if (dueAt === undefined || dueAt > current.now) break;
    const due = takeSmallest(current.deadlines);
    if (due === undefined) break;
    const settled = settle({ ...current, deadlines: due.rest }, due.value);
    current = settled.state;
    for (const effect of settled.effects) effects.push(effect);
  }
  return { state: current, effects };
}

function settle(state: ServerState, deadline: Deadline): ServerStep {
  switch (deadline.type) {
    case "start":
      return beginGathering(state);
    case "gathered":
      return gatheringOver(state);
    case "heartbeat":
      return beat(state);
    case "login":
      return loginOverdue(state, deadline.connection);
    case "overdue":
      return refuseOverdue(state, deadline.connection);
    case "pace":
      return endPace(state, deadline.connection);
    case "claim":
      return claimOverdue(state, deadline.name, deadline.connection);
    case "ask":
      return settleName(state, deadline.name);
    case "lease":
      return leaseOver(state, deadline.name, deadline.attempt);
    case "announced":
      return announcementOverdue(state, deadline.identity, deadline.move);
    case "reservation":
      return reservationOverdue(state, deadline.identity, deadline.pass);
    case "contested":
      return contestWon(state, deadline.connection);
    case "fence":
      return fenceDue(state);
    case "ghost":
      return ghostOver(state, deadline.ghost);
    case "watch":
      return watchDue(state, deadline.serverid, deadline.incarnation);
    case "veto":
      return assess(state, deadline.serverid);
    case "drain":
      return drainOn(state);
    case "drained":
      return drainOver(state);
    case "introduced":
      return introductionOverdue(state, deadline.connection);
    case "redial":
      return dialPeer(state, deadline.serverid);
    case "redial-contact":
      return dialContact(state, deadline.address);
  }
}
