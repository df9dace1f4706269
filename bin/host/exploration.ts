/**
 * Follows every order of events in the small cases and says how many worlds that were, and whether
 * it was all of them. A failure prints the path as a script.
 *
 * @module
 */

import process from "node:process";
import * as v from "valibot";
import { explorationCases, explore } from "../../lib/simulator/mod.ts";
import { type Flags, validate } from "./cli.ts";

const schema = v.object({
  states: v.optional(
    v.pipe(v.string(), v.regex(/^[1-9]\d{0,9}$/, "a number from 1"), v.transform(Number)),
    "20000",
  ),
  cases: v.optional(v.string(), ""),
});

/** Explores the cases; the process ends with 1 if something was wrong. */
export async function runExploration(flags: Flags): Promise<void> {
  const { states: statesMax, cases } = validate("flag", schema, flags);
  const chosen = explorationCases().filter(({ name }) => name.includes(cases));
  let [failed, left] = [0, 0];
  const started = performance.now();
  for (const { name, exploration } of chosen) {
    const begun = performance.now();
    const { states, edges, ends, complete, failure } = explore({ ...exploration, statesMax });
    const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
    const how = failure !== undefined ? "broken" : complete ? "all of them" : "more were left";
    console.log(`${name}: ${states} states, ${edges} edges, ${ends} ends, ${seconds} s; ${how}`);
    if (failure !== undefined) {
      failed++;
      console.log([failure.detail, ...failure.path].join("\n  "));
    } else if (!complete) left++;
    // Lets a signal through.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  console.log(`${chosen.length} cases in ${seconds} s, ${left} of them not followed to the end`);
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
