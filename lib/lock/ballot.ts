/**
 * The asker's side of Lock/Release: one attempt under vote. Every voter must grant; one denial
 * loses. Source: PROTOCOL.md section 7.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import type { Attempt } from "./lock-table.ts";

/** One attempt while its votes come in. */
export interface Ballot {
  readonly attempt: Attempt;
  /** Whose grant is needed. */
  readonly voters: ReadonlySet<ServerId>;
  readonly granted: ReadonlySet<ServerId>;
}

/** A ballot nobody has voted on. */
export function openBallot(attempt: Attempt, voters: Iterable<ServerId>): Ballot {
  return { attempt, voters: new Set(voters), granted: new Set() };
}

/** The ballot with one grant more; one by somebody who was not asked does not count. */
export function countGrant(ballot: Ballot, voter: ServerId): Ballot {
  if (!ballot.voters.has(voter)) return ballot;
  return { ...ballot, granted: new Set(ballot.granted).add(voter) };
}

/** The ballot with one voter more, or with a voter whose earlier answer no longer counts. */
export function askAgain(ballot: Ballot, voter: ServerId): Ballot {
  const granted = new Set(ballot.granted);
  granted.delete(voter);
  return { ...ballot, voters: new Set(ballot.voters).add(voter), granted };
}

/** The ballot without a voter whose vote is no longer needed. */
export function doWithout(ballot: Ballot, voter: ServerId): Ballot {
  const voters = new Set(ballot.voters);
  const granted = new Set(ballot.granted);
  voters.delete(voter);
  granted.delete(voter);
  return { ...ballot, voters, granted };
}

/** Whether every voter has granted. */
export function isWon(ballot: Ballot): boolean {
  return ballot.granted.size === ballot.voters.size;
}
