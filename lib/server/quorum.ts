/**
 * `majority` mode: a server counts on its names only while a majority of the roster has
 * acknowledged its heartbeats, and fences itself in time, before the others do without its vote. In
 * `available` mode all of this is idle. Source: PROTOCOL.md section 8.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { askAgain } from "../lock/ballot.ts";
import { forEach, type Instant, sequence, step } from "../machine.ts";
import { isPresent, type Member } from "../membership/membership.ts";
import { changeBallot, forgetVoter, openBallots, refuseClaims } from "./claims.ts";
import { endEverySession } from "./departure.ts";
import { openLinkTo, report } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import { changePeer } from "./links.ts";
import { endReservation } from "./reservations.ts";
import { type ServerState, type ServerStep, schedule } from "./state.ts";

/** Sent heartbeats that may still be acknowledged; older ones no longer help. */
const beatsKept = 32;

/** Whether so many servers, this one included, are a majority of the roster. */
export function isMajority(state: ServerState, count: number): boolean {
  return state.config.partition === "available" || 2 * count > state.roster.size;
}

/** Notes when a heartbeat was sent: only from then on does its acknowledgement count. */
export function beatSent(state: ServerState, number: number): ServerState {
  const beats = [...state.beats, { number, sentAt: state.now }].slice(-beatsKept);
  return { ...state, beats };
}

/** A member has acknowledged a heartbeat; with enough of them the fence is taken down. */
export function beatAcknowledged(state: ServerState, from: ServerId, number: number): ServerStep {
  const beat = state.beats.find((sent) => sent.number === number);
  if (beat === undefined) return step(state);
  return liftFence(changePeer(state, from, { acknowledgedAt: beat.sentAt }));
}

/** Takes the fence down if a majority has heard this server, or if it is alone in the roster. */
export function liftFence(state: ServerState): ServerStep {
  if (!state.fenced || isFenceDue(state)) return step(state);
  const delayMs = fenceAt(state) - state.now;
  const open = schedule({ ...state, fenced: false }, delayMs, { type: "fence" });
  return step(open, report({ event: "quorum-regained", members: reachable(open) }));
}

/** Fences this server if no majority has heard it in time; otherwise looks again. */
export function fenceDue(state: ServerState): ServerStep {
  if (state.fenced) return step(state);
  if (isFenceDue(state)) return fence(state);
  return step(schedule(state, fenceAt(state) - state.now, { type: "fence" }));
}

function isFenceDue(state: ServerState): boolean {
  return state.now >= fenceAt(state);
}

/**
 * The sending of the latest heartbeat that a majority has acknowledged, and the time that gives.
 */
function fenceAt(state: ServerState): Instant {
  const others = [...state.roster].filter((id) => id !== state.config.serverid);
  const acknowledged = others
    .map((id) => state.peers.get(id)?.acknowledgedAt ?? Number.NEGATIVE_INFINITY)
    .sort((one, other) => other - one);
  const needed = Math.floor(state.roster.size / 2);
  const sentAt = needed === 0 ? state.now : (acknowledged[needed - 1] ?? Number.NEGATIVE_INFINITY);
  return sentAt + state.config.timing.fenceMs;
}

/** Gives up every name: others may soon take them. */
function fence(state: ServerState): ServerStep {
  return sequence<ServerState, ServerEffect>(
    { ...state, fenced: true, announced: state.announced.clear() },
    (s) => step(s, report({ event: "quorum-lost", members: reachable(s) })),
    (s) => forEach(s.reservations.values(), s, endReservation),
    (s) => refuseClaims(s, "no-quorum"),
    (s) => endEverySession(s, "no-quorum"),
  );
}

function reachable(state: ServerState): ServerId[] {
  return [...state.roster].filter((id) => openLinkTo(state, id) !== undefined);
}

/** Whether somebody who is not in the roster may be introduced: only if nobody of it is missing. */
export function mayGrow(state: ServerState, id: ServerId): boolean {
  if (state.config.partition === "available" || state.roster.has(id)) return true;
  return !state.fenced && reachable(state).length === state.roster.size - 1;
}

/** The roster with more servers, or without one that is gone for good; kept by the host. */
export function changeRoster(
  state: ServerState,
  change: { readonly add?: Iterable<ServerId>; readonly remove?: ServerId },
): ServerStep {
  if (state.config.partition === "available") return step(state);
  const roster = new Set(state.roster);
  for (const id of change.add ?? []) roster.add(id);
  if (change.remove !== undefined) roster.delete(change.remove);
  const isSame =
    roster.size === state.roster.size && [...roster].every((id) => state.roster.has(id));
  if (isSame) return step(state);
  return step({ ...state, roster }, { type: "keep-roster", roster: [...roster].sort() });
}

/**
 * A member is gone, but may not have noticed yet: nobody can vote in its place until it must have
 * fenced itself.
 */
export function keepGhost(state: ServerState, id: ServerId): ServerStep {
  const member = state.membership.get(id);
  const heardAt = state.peers.get(id)?.heardAt ?? Number.NEGATIVE_INFINITY;
  const delayMs = heardAt + state.config.timing.voteKeptMs - state.now;
  if (state.config.partition === "available" || !isPresent(member) || delayMs <= 0) {
    return step(state);
  }
  return withGhost(state, `${id}@${member.incarnation}` as ServerId, delayMs);
}

/**
 * Others have evicted a member that this server never knew: how long ago is not said, so its names
 * count for as long as if that were just now.
 */
export function keepUnknownGhost(state: ServerState, { id, incarnation }: Member): ServerStep {
  if (state.config.partition === "available") return step(state);
  return withGhost(state, `${id}@${incarnation}` as ServerId, state.config.timing.voteKeptMs);
}

function withGhost(state: ServerState, ghost: ServerId, delayMs: number): ServerStep {
  const kept = { ...state, ghosts: new Set(state.ghosts).add(ghost) };
  return forEach(
    openBallots(kept),
    schedule(kept, delayMs, { type: "ghost", ghost }),
    (s, [name, ballot]) => step(changeBallot(s, name, askAgain(ballot, ghost))),
  );
}

/** The names of a member that is gone are free now. */
export function ghostOver(state: ServerState, ghost: ServerId): ServerStep {
  const ghosts = new Set(state.ghosts);
  ghosts.delete(ghost);
  return forgetVoter({ ...state, ghosts }, ghost);
}
