/**
 * Makes a failing scenario smaller: fewer faults, users and servers, as long as the same promise is
 * still broken. What is left is short enough to be read, and kept.
 *
 * @module
 */

import type { Scenario } from "./scenario.ts";
import { type Outcome, simulate, type Wishes } from "./simulate.ts";

/** How many runs a reduction may take. */
const runsMax = 60;

/**
 * The smallest scenario found that breaks this promise.
 *
 * @example
 * ```ts
 * const { scenario } = shrink(scenarioOf(42), "I8");
 * console.log(formatScenario(scenario));
 * ```
 */
export function shrink(
  scenario: Scenario,
  promise: string,
  wishes: Wishes = {},
): { readonly scenario: Scenario; readonly outcome: Outcome } {
  let best = scenario;
  let outcome = simulate(scenario, wishes);
  let runs = 0;
  const isStill = (smaller: Scenario): boolean => {
    if (runs++ >= runsMax) return false;
    const tried = simulate(smaller, wishes);
    if (tried.failure?.promise !== promise) return false;
    best = smaller;
    outcome = tried;
    return true;
  };
  for (let found = true; found && runs < runsMax; ) {
    found = candidates(best).some(isStill);
  }
  return { scenario: best, outcome };
}

/** Scenarios that are one step smaller, those that save most first. */
function* each(scenario: Scenario): Generator<Scenario> {
  const { faults, users, servers } = scenario;
  const half = Math.floor(faults.length / 2);
  if (half > 1) {
    yield { ...scenario, faults: faults.slice(0, half) };
    yield { ...scenario, faults: faults.slice(half) };
  }
  for (const index of faults.keys()) yield { ...scenario, faults: faults.toSpliced(index, 1) };
  if (users > 2) yield { ...scenario, users: Math.ceil(users / 2) };
  if (users > 1) yield { ...scenario, users: users - 1 };
  const last = `s${servers}`;
  const isUsed = faults.some(({ on, to }) => [...on, ...to].includes(last));
  if (servers > 2 && !isUsed) yield { ...scenario, servers: servers - 1 };
  const latest = Math.max(2_000, ...faults.map(({ at, ms }) => at + ms));
  if (latest + 1_000 < scenario.chaosMs) yield { ...scenario, chaosMs: latest + 1_000 };
}

function candidates(scenario: Scenario): Scenario[] {
  return [...each(scenario)];
}
