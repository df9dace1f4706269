/**
 * Whole clusters in virtual time: a bounded number of seeds, every scenario that once broke a
 * promise, and that equal runs are equal. `chat-simulate` runs more.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  cell,
  exceptions,
  faultKinds,
  formatScenario,
  ledgerGaps,
  metExceptions,
  operations,
  parseScenario,
  promises,
  type Scenario,
  scenarioOf,
  seldom,
  shrink,
  simulate,
} from "../lib/simulator/mod.ts";
import { packageFolder, runtime } from "./support/process.ts";
import { sabotages } from "./support/sabotage.ts";

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

/** How often anybody looked at each promise, in scenarios and in seeds. */
const looked = new Map<string, number>();

function keepsAllPromises(scenario: Scenario): void {
  const { failure, looks } = simulate(scenario);
  const what = failure && `${failure.promise} at ${failure.at} ms: ${failure.detail}`;
  assert.is(what, undefined, `\n${formatScenario(scenario)}`);
  for (const [promise, times] of looks) looked.set(promise, (looked.get(promise) ?? 0) + times);
}

for (const file of readdirSync(scenarios).sort()) {
  simulation(`scenario ${file} keeps all promises`, () => {
    keepsAllPromises(read(readFileSync(new URL(file, scenarios), "utf8")));
  });
}

simulation("seeds keep all promises, and every checker has looked", () => {
  const started = performance.now();
  let seed = from;
  for (; seed < from + seedsMax; seed++) {
    if (performance.now() - started > limitMs && seed >= from + seedsLeast) break;
    keepsAllPromises(scenarioOf(seed));
  }
  console.log(`  ${seed - from} seeds`);
  for (const promise of promises) {
    assert.ok((looked.get(promise) ?? 0) > 0, `nobody looked at ${promise}`);
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

simulation("the same seed is the same run on Node and on Deno", () => {
  const seeds = [77, 78];
  const own = seeds.map((seed) => simulate(scenarioOf(seed)).fingerprint.toString(16));
  console.log(`  seeds ${seeds.join(" ")} on ${runtime}: fingerprints ${own.join(" ")}`);
  if (runtime === "node") return;
  const told = seeds.map((seed) => fingerprintOnNode(seed));
  if (told.includes(undefined)) console.log("  there is no Node to compare with");
  else assert.equal(told, own);
});

/** What the command prints for a seed when Node runs it, if there is one. */
function fingerprintOnNode(seed: number): string | undefined {
  const script = ["--import", "tsx", "bin/chat-simulate.ts", "--seed", String(seed)];
  const { error, stdout } = spawnSync("node", script, { cwd: packageFolder, encoding: "utf8" });
  if (error !== undefined) return undefined;
  return /^fingerprint ([0-9a-f]+),/m.exec(stdout)?.[1] ?? `none in: ${stdout}`;
}

simulation("a failing scenario is made smaller, and its script fails in the same way", () => {
  const broken = sabotages.find((each) => each.broken === "suspects are listed");
  if (broken === undefined) throw new Error("there is no such machine");
  const machine = () => broken.machine();
  const world = `available servers 5 users 11 chaos 12000
at 2200 lose-client u3 for 300
at 2500 pause s2 for 7000
at 2600 auth-down - for 700
at 3000 break s3 | s4 for 0
at 9000 slow s4 | s5 for 1300\n`;
  const scenario = [1, 2, 3, 4, 5, 6, 7, 8]
    .map((seed) => read(`seed ${seed} ${world}`))
    .find((each) => simulate(each, { machine: machine() }).failure?.promise === "I3");
  if (scenario === undefined) throw new Error("no seed lists a suspect");
  const { scenario: small, outcome } = shrink(scenario, "I3", { machine: machine() });
  assert.equal(
    small.faults.map(({ kind }) => kind),
    ["pause"],
  );
  assert.ok(small.servers < 5 && small.users < 11 && small.chaosMs < 12_000);
  const again = simulate(read(formatScenario(small)), { machine: machine() });
  assert.is(outcome.failure?.promise, "I3");
  assert.equal(again.failure, outcome.failure);
  assert.is(simulate(small).failure, undefined, "it is the machine that is broken");
});

simulation("what the ledger excepts exists, and has a reason", () => {
  const cells = new Set(
    operations.flatMap((operation) => faultKinds.map((fault) => cell(operation, fault))),
  );
  assert.equal(ledgerGaps(new Map()).length, cells.size - Object.keys(exceptions).length);
  const often = operations.filter((each) => !(each in seldom)).length;
  const oftenStruck = faultKinds.filter((each) => !(each in seldom)).length;
  assert.is(ledgerGaps(new Map(), 500).length, often * oftenStruck);
  assert.ok(often > 28 && oftenStruck > 19, "few are excused");
  for (const each of Object.keys(seldom)) {
    const names: readonly string[] = [...operations, ...faultKinds];
    assert.is(names.filter((name) => name === each).length, 1, each);
  }
  for (const [key, reason] of Object.entries(exceptions)) {
    assert.ok(cells.has(key), key);
    assert.ok(reason.length > 20, key);
    assert.equal(metExceptions(new Map([[key, 1]])), [key]);
  }
});

simulation.run();
