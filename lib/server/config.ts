/**
 * What a chat server is told at its start: who it is, whom it knows, and all its times. A
 * combination of times that can't work is refused before there is a server.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { failure, type Result, success } from "../base/result.ts";
import type { Address } from "../wire/fields.ts";

/** Everything a chat server is told at its start. */
export interface ServerConfig {
  readonly serverid: ServerId;
  /** Where clients reach it, as told to others. */
  readonly client: Address;
  /** Where peers reach it, as told to others. */
  readonly peer: Address;
  /**
   * Whom to dial first: the other servers of a file with their ids, or any member to join through.
   */
  readonly contacts: readonly Contact[];
  /** Whether it must reach one of its contacts, or gives up. Servers of a file go on without. */
  readonly mustJoin: boolean;
  /** Where a client that still has to log in is sent. */
  readonly auth: Address | undefined;
  readonly partition: "available" | "majority";
  /**
   * In `majority` mode: every server that counts, as kept from an earlier run or as in the file.
   */
  readonly roster: readonly ServerId[];
  /** Messages a second of one client before it is read more slowly; 0: unlimited. */
  readonly messageRate: number;
  /** Seeds the jitter; secrets never come from it. */
  readonly seed: number;
  readonly timing: Timing;
}

/** A server to dial; without an id, whoever answers there is taken. */
export interface Contact {
  readonly serverid: ServerId | undefined;
  readonly address: Address;
}

/** All times of a server, in milliseconds. */
export interface Timing {
  /** A connection that has not logged in by then is closed. */
  readonly loginMs: number;
  /** A whole request, from the moment its line was read. */
  readonly requestMs: number;
  /** A claim with all its attempts. */
  readonly claimMs: number;
  /** How long a voter keeps a lock for somebody else. */
  readonly leaseMs: number;
  /** How long the target of a move may take to answer its announcement. */
  readonly announceMs: number;
  /** How long a reservation and its pass live. */
  readonly reservationMs: number;
  /** How long a server of a file waits for the others. */
  readonly gatherMs: number;
  /** How long a newcomer tries to reach anybody. */
  readonly joinMs: number;
  /** How long an introduction may take, from either end. */
  readonly introduceMs: number;
  /** How long an older incarnation has to show that it lives. */
  readonly contestMs: number;
  readonly redialMinMs: number;
  readonly redialMaxMs: number;
  readonly heartbeatMs: number;
  /** Silence after which a member is suspect. */
  readonly suspectMs: number;
  /** Silence after which a member whose host answers nothing is evicted. */
  readonly silentMs: number;
  /** Silence after which a member whose process stands still is evicted. */
  readonly stalledMs: number;
  readonly probeMs: number;
  /** How long those who are asked before an eviction have to object. */
  readonly vetoMs: number;
  readonly drainMs: number;
  /** In `majority` mode: how long the sending of an acknowledged heartbeat entitles to names. */
  readonly fenceMs: number;
  /** In `majority` mode: silence of a member after which its vote is not needed any longer. */
  readonly voteKeptMs: number;
}

/** The times that PROTOCOL.md names, which all promises are stated for. */
export const defaultTiming: Timing = {
  loginMs: 10_000,
  requestMs: 4_500,
  claimMs: 3_000,
  leaseMs: 6_000,
  announceMs: 3_000,
  reservationMs: 10_000,
  gatherMs: 5_000,
  joinMs: 10_000,
  introduceMs: 3_000,
  contestMs: 1_000,
  redialMinMs: 100,
  redialMaxMs: 2_000,
  heartbeatMs: 500,
  suspectMs: 1_500,
  silentMs: 4_000,
  stalledMs: 8_000,
  probeMs: 500,
  vetoMs: 500,
  drainMs: 8_000,
  fenceMs: 3_000,
  voteKeptMs: 4_000,
};

/**
 * Refuses times that contradict each other, with a line that names both.
 *
 * @example
 * ```ts
 * const checked = checkTiming({ ...defaultTiming, heartbeatMs: 100 });
 * if (!checked.ok) throw new Error(checked.error);
 * ```
 */
export function checkTiming(timing: Timing): Result<Timing, string> {
  for (const [name, value] of Object.entries(timing)) {
    if (!Number.isFinite(value) || value <= 0) return failure(`${name} must be more than 0`);
  }
  const least: readonly [keyof Timing, number, string][] = [
    ["leaseMs", timing.claimMs + 1_000, "claimMs + 1000: a voter must not forget before the asker"],
    ["requestMs", timing.claimMs, "claimMs: a claim is part of a request"],
    ["requestMs", timing.announceMs, "announceMs: a move is part of a request"],
    ["suspectMs", 2 * timing.heartbeatMs, "2 × heartbeatMs: one late heartbeat is no silence"],
    ["silentMs", timing.suspectMs + timing.probeMs, "suspectMs + probeMs: a probe comes first"],
    ["stalledMs", timing.silentMs, "silentMs: a process that stands still gets more time"],
    ["voteKeptMs", 1.25 * timing.fenceMs, "1.25 × fenceMs: clocks may drift by a fifth"],
    ["fenceMs", 3 * timing.heartbeatMs, "3 × heartbeatMs: one lost heartbeat is no partition"],
    ["redialMaxMs", timing.redialMinMs, "redialMinMs"],
  ];
  for (const [name, bound, meaning] of least) {
    if (timing[name] < bound) {
      return failure(`${name} (${timing[name]}) must be at least ${bound}: ${meaning}`);
    }
  }
  return success(timing);
}
