/**
 * Who is late and who is gone. The intuition: silence alone says little, but one probe tells a dead
 * process (refused), one that stands still (TCP answers, TLS does not) and a lost host (nothing
 * answers) apart, so each gets the time it deserves. A crash is noticed in a fraction of a second,
 * while a process that pauses is left alone for long. Waiting for one long time in all cases, as
 * most detectors do, would be slow for crashes and hasty with pauses.
 *
 * Nothing here looks at a clock: `at` comes in, a verdict goes out. Source: PROTOCOL.md section 8.
 *
 * @module
 */

import type { Instant } from "../machine.ts";

/** What is known of one member. */
export interface SignsOfLife {
  /** When anything was last heard from it. */
  readonly heardAt: Instant;
  /** Whether there is an open link to it. */
  readonly linked: boolean;
  /**
   * How the latest probe ended, if one did since it fell silent; one that got no answer at all does
   * not count after one that TCP answered.
   */
  readonly probe: "refused" | "silent" | "tls-silent" | "tls-failed" | "other-id" | undefined;
  /** Probes in a row that were refused. */
  readonly refusals: number;
  /** Another member has evicted it. */
  readonly told: boolean;
}

/** The times that verdicts depend on, in milliseconds. */
export interface Patience {
  readonly suspectMs: number;
  readonly silentMs: number;
  readonly stalledMs: number;
}

/** Probes that must be refused before a member whose link has closed is gone. */
const refusalsEnough = 2;

/**
 * What to think of a member: `alive`, `late` (hide it, probe it, ask the others; all reversible),
 * or `gone` (evict it, if nobody objects).
 *
 * @example
 * ```ts
 * const signs = { heardAt: 0, linked: false, probe: "refused", refusals: 2, told: false } as const;
 * const thought = verdict(signs, patience, 150); // "gone"
 * ```
 */
export function verdict(
  signs: SignsOfLife,
  patience: Patience,
  at: Instant,
): "alive" | "late" | "gone" {
  const silenceMs = at - signs.heardAt;
  const isCrashed = !signs.linked && signs.refusals >= refusalsEnough;
  const isLate = silenceMs >= patience.suspectMs || (!signs.linked && signs.refusals > 0);
  if (!isLate) return "alive";
  if (isCrashed || signs.told || silenceMs >= patience.stalledMs) return "gone";
  const isStalled = signs.probe === "tls-silent";
  return silenceMs >= patience.silentMs && !isStalled ? "gone" : "late";
}
