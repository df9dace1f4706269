/**
 * Whole clusters in virtual time: a bounded number of seeds, every scenario that once broke a
 * promise, and that equal runs are equal. `chat-simulate` runs more.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  formatScenario,
  parseScenario,
  type Scenario,
  scenarioOf,
  shrink,
  simulate,
} from "../lib/simulator/mod.ts";

/** The first of the seeds, how many at most, and how long they may take. */
const from = 1;
const seedsMax = 120;
const seedsLeast = 5;
const limitMs = 15_000;

const simulation = suite("simulation");
const scenarios = new URL("./scenarios/", import.meta.url);

function read(text: string): Scenario {
  const parsed = parseScenario(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function keepsAllPromises(scenario: Scenario): ReadonlyMap<string, number> {
  const { failure, looks } = simulate(scenario);
  const what = failure && `${failure.promise} at ${failure.at} ms: ${failure.detail}`;
  assert.is(what, undefined, `\n${formatScenario(scenario)}`);
  return looks;
}

for (const file of readdirSync(scenarios).sort()) {
  simulation(`scenario ${file} keeps all promises`, () => {
    keepsAllPromises(read(readFileSync(new URL(file, scenarios), "utf8")));
  });
}

simulation("seeds keep all promises, and every checker has looked", () => {
  const started = performance.now();
  const looked = new Map<string, number>();
  let seed = from;
  for (; seed < from + seedsMax; seed++) {
    if (performance.now() - started > limitMs && seed >= from + seedsLeast) break;
    for (const [promise, times] of keepsAllPromises(scenarioOf(seed))) {
      looked.set(promise, (looked.get(promise) ?? 0) + times);
    }
  }
  console.log(`  ${seed - from} seeds`);
  for (const number of [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]) {
    assert.ok((looked.get(`I${number}`) ?? 0) > 0, `nobody looked at I${number}`);
  }
});

simulation("the same scenario is the same run, to the last byte", () => {
  const scenario = scenarioOf(77);
  const traces = [1, 2].map(() => {
    const lines: string[] = [];
    const { fingerprint } = simulate(scenario, { trace: (line) => lines.push(line) });
    return { fingerprint, text: lines.join("\n") };
  });
  assert.is(traces[0]?.text, traces[1]?.text);
  assert.is(traces[0]?.fingerprint, traces[1]?.fingerprint);
  assert.is(simulate(scenario).fingerprint, traces[0]?.fingerprint, "a trace changes nothing");
  assert.is.not(simulate(scenarioOf(78)).fingerprint, traces[0]?.fingerprint);
});

simulation("a scenario is written down and read again", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const scenario = scenarioOf(seed);
    assert.equal(read(`# a remark\n${formatScenario(scenario)}`), scenario);
  }
  for (const text of [
    "",
    "seed x available",
    `${formatScenario(scenarioOf(3))}at 7 flood - for 1`,
  ]) {
    assert.is(parseScenario(text).ok, false, text);
  }
});

simulation("a failing scenario is made smaller", () => {
  // A cluster of two in majority mode can't bear a lost host: nobody gets an answer of use there.
  const scenario = scenarioOf(1, { servers: 3, users: 6 });
  const { scenario: same } = shrink(scenario, "I0");
  assert.equal(same, scenario, "nothing is broken, so nothing is left out");
});

simulation.run();
