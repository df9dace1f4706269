/**
 * The voter's side: questions and releases of other servers. Source: PROTOCOL.md section 7.
 *
 * @module
 */

import type { RoomId, ServerId } from "../base/ids.ts";
import {
  type Attempt,
  isOlder,
  keepQuestion,
  type LockName,
  lockOn,
  release,
  roomLock,
  sameAttempt,
} from "../lock/lock-table.ts";
import { sequence, step } from "../machine.ts";
import type { ReleaseRoom } from "../wire/server-messages.ts";
import { holds, settleName, vote, yieldAttempt } from "./claims.ts";
import { forgetRoom, recordRoom } from "./directory.ts";
import { tellPeer } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import { voteOn } from "./lock-messages.ts";
import type { ServerState, ServerStep } from "./state.ts";

/** How far a stamp may lie ahead of the own clock: as far as a wall clock may be wrong. */
export const stampAheadMax: number = 24 * 60 * 60 * 1_000;

/** A member asks for a vote. */
export function voteAsked(state: ServerState, name: LockName, attempt: Attempt): ServerStep {
  const raised = { ...state, clock: Math.max(state.clock, attempt.stamp) };
  if (holds(raised, name)) return vote(raised, name, attempt);
  const lock = lockOn(raised.locks, name);
  if (lock === undefined) {
    return settleName({ ...raised, locks: keepQuestion(raised.locks, name, attempt) }, name);
  }
  if (sameAttempt(lock.attempt, attempt)) {
    return step(raised, ...tellPeer(raised, attempt.asker, voteOn(raised, name, attempt, true)));
  }
  const { asker } = lock.attempt;
  if (asker === attempt.asker) return askAnew(raised, name, lock.attempt, attempt);
  const kept = { ...raised, locks: keepQuestion(raised.locks, name, attempt) };
  const isOwn = asker === state.config.serverid;
  if (!isOwn || !isOlder(attempt, lock.attempt)) return step(kept);
  return sequence<ServerState, ServerEffect>(
    kept,
    (s) => yieldAttempt(s, name),
    (s) => settleName(s, name),
  );
}

/** An asker that asks under a new stamp has given its earlier attempt up. */
function askAnew(
  state: ServerState,
  name: LockName,
  earlier: Attempt,
  attempt: Attempt,
): ServerStep {
  if (isOlder(attempt, earlier)) return step(state);
  const released = release(state.locks, name, earlier);
  return settleName({ ...state, locks: keepQuestion(released, name, attempt) }, name);
}

/** The asker's attempt is over; nobody else can end it. */
export function attemptReleased(state: ServerState, name: LockName, attempt: Attempt): ServerStep {
  return settleName({ ...state, locks: release(state.locks, name, attempt) }, name);
}

/** An attempt at a room is over; if it was won, the room is the asker's. */
export function roomReleased(state: ServerState, message: ReleaseRoom): ServerStep {
  const { serverid: server, roomid, stamp, approved, claimedat, change } = message;
  const recorded =
    approved === "true"
      ? recordRoom(noteChange(state, server, change), roomid, { server, claimedAt: claimedat })
      : state;
  return attemptReleased(recorded, roomLock(roomid), { asker: server, stamp });
}

/** A member has deleted a room of its own; a room of somebody else stays. */
export function roomDeleted(
  state: ServerState,
  server: ServerId,
  roomid: RoomId,
  change: number,
): ServerStep {
  return step(forgetRoom(noteChange(state, server, change), roomid, server));
}

/**
 * Follows the changes of a member's rooms; after a gap its whole list is asked for by heartbeat.
 */
function noteChange(state: ServerState, server: ServerId, change: number): ServerState {
  const peer = state.peers.get(server);
  if (peer?.roomChange !== change - 1) return state;
  return { ...state, peers: new Map(state.peers).set(server, { ...peer, roomChange: change }) };
}

/** A voter forgets a lock whose asker has not ended it in time. */
export function leaseOver(state: ServerState, name: LockName, attempt: Attempt): ServerStep {
  const lock = lockOn(state.locks, name);
  if (lock === undefined || !sameAttempt(lock.attempt, attempt)) return step(state);
  return attemptReleased(state, name, attempt);
}
