/**
 * Names: what this server claims for its clients, and in which order everybody who wants a name
 * gets to it when it is free. Two attempts that meet never both lose: the younger yields and asks
 * again. Source: PROTOCOL.md section 7.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import { draw } from "../base/prng.ts";
import { askAgain, type Ballot, countGrant, doWithout, isWon, openBallot } from "../lock/ballot.ts";
import {
  type Attempt,
  dropAttemptsOf,
  grant,
  type LockName,
  lockedName,
  lockOn,
  release,
  takeQuestion,
} from "../lock/lock-table.ts";
import { forEach, sequence, step } from "../machine.ts";
import { voters } from "../membership/membership.ts";
import type { Refusal } from "../wire/client-messages.ts";
import type { PeerMessage } from "../wire/server-messages.ts";
import { waitFor } from "./clients.ts";
import { concludeRefused, concludeWon } from "./conclusions.ts";
import { tellPeer, tellPeers } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import { askFor, releaseOf, voteOn } from "./lock-messages.ts";
import type { Claim } from "./records.ts";
import { reserve } from "./reservations.ts";
import { type ServerState, type ServerStep, schedule } from "./state.ts";

/** The longest pause before a claim that has yielded asks again. */
const askAgainMsMax = 400;

/** Claims a name for a client, which waits for the outcome. */
export function claimName(state: ServerState, name: LockName, claim: Claim): ServerStep {
  const { connection, deadline } = claim;
  const queue = [...(state.claims.get(name) ?? []), claim];
  const waiting = waitFor(state, connection, { type: "claiming", name });
  const claimed = { ...waiting, claims: waiting.claims.set(name, queue) };
  const timed = schedule(claimed, deadline - state.now, { type: "claim", name, connection });
  return settleName(timed, name);
}

/** Ends the claim of a client that went away, or whose time is over; it is not answered here. */
export function withdrawClaim(
  state: ServerState,
  name: LockName,
  connection: ConnectionId,
): ServerStep {
  const queue = state.claims.get(name) ?? [];
  const claim = queue.find((other) => other.connection === connection);
  if (claim === undefined) return step(state);
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => (claim.ballot === undefined ? step(s) : endAttempt(s, name, claim.ballot, false)),
    (s) => step(withClaims(s, name, without(s, name, connection))),
    (s) => settleName(s, name),
  );
}

/** A claim has taken too long: its client may try again. */
export function claimOverdue(
  state: ServerState,
  name: LockName,
  connection: ConnectionId,
): ServerStep {
  const claim = state.claims.get(name)?.find((other) => other.connection === connection);
  if (claim === undefined || claim.deadline > state.now) return step(state);
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => withdrawClaim(s, name, connection),
    (s) => concludeRefused(s, claim, "busy"),
  );
}

/**
 * Lets everybody who waits for a name get to it, as far as it is free: movers that were announced,
 * then the questions of others, oldest first, then an own claim under a new stamp.
 */
export function settleName(state: ServerState, name: LockName): ServerStep {
  if (lockOn(state.locks, name) !== undefined) return step(state);
  const locked = lockedName(name);
  const mover = locked.kind === "identity" ? state.announced.get(locked.identity) : undefined;
  if (mover !== undefined) {
    const announced = state.announced.delete(mover.identity);
    return sequence<ServerState, ServerEffect>(
      { ...state, announced },
      (s) => reserve(s, mover),
      (s) => settleName(s, name),
    );
  }
  const waiting = takeQuestion(state.locks, name);
  if (waiting !== undefined) {
    return sequence<ServerState, ServerEffect>(
      { ...state, locks: waiting.table },
      (s) => vote(s, name, waiting.question),
      (s) => settleName(s, name),
    );
  }
  const claim = state.claims.get(name)?.[0];
  if (claim === undefined) return step(state);
  const refusal = knownRefusal(state, name);
  if (refusal !== undefined) return refuseAll(state, name, refusal);
  return claim.askAt > state.now ? step(state) : openAttempt(state, name, claim);
}

/** Answers a question about a name that is not locked: denies what it holds, locks the rest. */
export function vote(state: ServerState, name: LockName, attempt: Attempt): ServerStep {
  if (state.fenced) {
    const denial = { ...voteOn(state, name, attempt, false), reason: "no-quorum" } as PeerMessage;
    return step(state, ...tellPeer(state, attempt.asker, denial));
  }
  if (holds(state, name)) {
    return step(state, ...tellPeer(state, attempt.asker, voteOn(state, name, attempt, false)));
  }
  const { leaseMs } = state.config.timing;
  const lock = { attempt, lease: state.now + leaseMs };
  const granted = { ...state, locks: grant(state.locks, name, lock) };
  return step(
    schedule(granted, leaseMs, { type: "lease", name, attempt }),
    ...tellPeer(state, attempt.asker, voteOn(state, name, attempt, true)),
  );
}

/** A vote on an own attempt has come; one on an attempt that is over is ignored. */
export function voteArrived(
  state: ServerState,
  voter: ServerId,
  name: LockName,
  stamp: number,
  refusal: Refusal | undefined,
): ServerStep {
  const ballot = state.claims.get(name)?.[0]?.ballot;
  if (ballot?.attempt.stamp !== stamp || !ballot.voters.has(voter)) return step(state);
  return refusal === undefined
    ? countVotes(changeBallot(state, name, countGrant(ballot, voter)), name)
    : sequence<ServerState, ServerEffect>(
        state,
        (s) => endAttempt(s, name, ballot, false),
        (s) => refuseAll(s, name, refusal),
        (s) => settleName(s, name),
      );
}

/**
 * Gives way to an older attempt: the own one ends, its claim waits and asks again later. From the
 * second time on it does so after a pause: what it gave way to may have been over already, and two
 * that ask again at once would give way to each other's last attempt for ever.
 */
export function yieldAttempt(state: ServerState, name: LockName): ServerStep {
  const [first, ...others] = state.claims.get(name) ?? [];
  if (first?.ballot === undefined) return step(state);
  const { value, prng } = draw(state.prng);
  const yields = first.yields + 1;
  const pauseMs = yields === 1 ? 0 : value * Math.min(2 ** yields, askAgainMsMax);
  const resting = { ...first, yields, askAt: state.now + pauseMs };
  const rested = withClaims({ ...state, prng }, name, [resting, ...others]);
  const planned = pauseMs === 0 ? rested : schedule(rested, pauseMs, { type: "ask", name });
  return endAttempt(planned, name, first.ballot, false);
}

/** Asks a member in every vote that is under way, also if it was asked before. */
export function askInOpenVotes(state: ServerState, member: ServerId): ServerStep {
  return forEach(openBallots(state), state, (s, [name, ballot]) =>
    step(
      changeBallot(s, name, askAgain(ballot, member)),
      ...tellPeer(s, member, askFor(s, name, ballot.attempt)),
    ),
  );
}

/** The process that a member was is gone: the locks it asked for end. */
export function dropLocksOf(state: ServerState, member: ServerId): ServerStep {
  const { table, names } = dropAttemptsOf(state.locks, member);
  return forEach(names, { ...state, locks: table }, settleName);
}

/** A member's vote is needed no longer. One that was replaced is asked again instead. */
export function forgetVoter(state: ServerState, member: ServerId): ServerStep {
  return forEach(openBallots(state), state, (s, [name, ballot]) =>
    countVotes(changeBallot(s, name, doWithout(ballot, member)), name),
  );
}

/** What a member has granted was granted by an earlier process: it does not count any longer. */
export function withdrawGrantsOf(state: ServerState, member: ServerId): ServerState {
  return openBallots(state).reduce(
    (s, [name, ballot]) => changeBallot(s, name, askAgain(ballot, member)),
    state,
  );
}

/**
 * Everybody whose vote is needed: members, and those gone too shortly for their names to be free.
 */
function neededVoters(state: ServerState): ServerId[] {
  return [...voters(state.membership), ...state.ghosts];
}

/** Own attempts that are under vote. */
export function openBallots(state: ServerState): [LockName, Ballot][] {
  const open: [LockName, Ballot][] = [];
  for (const [name, [first]] of state.claims) {
    if (first?.ballot !== undefined) open.push([name, first.ballot]);
  }
  return open;
}

/** Whether this server holds a name itself: who holds, denies. */
export function holds(state: ServerState, name: LockName): boolean {
  const locked = lockedName(name);
  return locked.kind === "room"
    ? state.rooms.has(locked.roomid)
    : state.sessions.has(locked.identity) || state.reservations.has(locked.identity);
}

/** Why a claim can't succeed, as far as this server knows without asking anybody. */
export function knownRefusal(state: ServerState, name: LockName): Refusal | undefined {
  const locked = lockedName(name);
  if (state.fenced) return "no-quorum";
  if (locked.kind === "identity") return holds(state, name) ? "identity-in-use" : undefined;
  const isKnown = holds(state, name) || state.directory.has(locked.roomid);
  return isKnown ? "room-exists" : undefined;
}

/** Ends every claim, whether it is under vote or waits. */
export function refuseClaims(state: ServerState, reason: Refusal): ServerStep {
  return forEach(state.claims.keys(), state, (s, name) =>
    sequence<ServerState, ServerEffect>(
      s,
      (each) => yieldAttempt(each, name),
      (each) => refuseAll(each, name, reason),
      (each) => settleName(each, name),
    ),
  );
}

function openAttempt(state: ServerState, name: LockName, claim: Claim): ServerStep {
  const stamp = state.clock + 1;
  const attempt = { asker: state.config.serverid, stamp };
  const ballot = openBallot(attempt, neededVoters(state));
  const [, ...others] = state.claims.get(name) ?? [];
  const asking: ServerState = {
    ...state,
    clock: stamp,
    locks: grant(state.locks, name, { attempt, lease: undefined }),
    claims: state.claims.set(name, [{ ...claim, ballot }, ...others]),
  };
  return sequence<ServerState, ServerEffect>(
    asking,
    (s) => step(s, ...tellPeers(s, askFor(s, name, attempt))),
    (s) => countVotes(s, name),
  );
}

function countVotes(state: ServerState, name: LockName): ServerStep {
  const [claim, ...others] = state.claims.get(name) ?? [];
  if (claim?.ballot === undefined || !isWon(claim.ballot)) return step(state);
  const { ballot } = claim;
  return sequence<ServerState, ServerEffect>(
    withClaims(state, name, others),
    (s) => concludeWon(s, claim),
    (s) => endAttempt(s, name, ballot, true),
    (s) => settleName(s, name),
  );
}

/** Ends an own attempt and tells every voter; what waited is not looked at yet. */
function endAttempt(
  state: ServerState,
  name: LockName,
  ballot: Ballot,
  approved: boolean,
): ServerStep {
  const [first, ...others] = state.claims.get(name) ?? [];
  const isOpen = first?.ballot?.attempt.stamp === ballot.attempt.stamp;
  const ended = isOpen
    ? withClaims(state, name, [{ ...first, ballot: undefined }, ...others])
    : state;
  const locks = release(ended.locks, name, ballot.attempt);
  return step(
    { ...ended, locks },
    ...tellPeers(state, releaseOf(state, name, ballot.attempt, approved)),
  );
}

function refuseAll(state: ServerState, name: LockName, reason: Refusal): ServerStep {
  const queue = state.claims.get(name) ?? [];
  return forEach(queue, withClaims(state, name, []), (s, claim) =>
    concludeRefused(s, claim, reason),
  );
}

/** The state with another ballot of the claim under vote. */
export function changeBallot(state: ServerState, name: LockName, ballot: Ballot): ServerState {
  const [first, ...others] = state.claims.get(name) ?? [];
  return first === undefined ? state : withClaims(state, name, [{ ...first, ballot }, ...others]);
}

function withClaims(state: ServerState, name: LockName, queue: readonly Claim[]): ServerState {
  const claims = queue.length === 0 ? state.claims.delete(name) : state.claims.set(name, queue);
  return { ...state, claims };
}

function without(state: ServerState, name: LockName, connection: ConnectionId): Claim[] {
  return (state.claims.get(name) ?? []).filter((claim) => claim.connection !== connection);
}
