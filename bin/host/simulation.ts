/**
 * Runs seeds of the simulator and says what was tried: how many, how fast, which operations met
 * which faults, and how often each promise was really looked at. A failure prints the seed, what
 * was broken, a smaller scenario that still breaks it, and the end of its trace.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import type { CAC } from "cac";
import * as v from "valibot";
import {
  exceptions,
  formatScenario,
  type Ledger,
  ledgerGaps,
  ledgerTable,
  metExceptions,
  type Outcome,
  parseScenario,
  promises,
  type Scenario,
  scenarioOf,
  seedsForSeldom,
  seldom,
  shrink,
  simulate,
} from "../../lib/simulator/mod.ts";
import { runAccuracy } from "./accuracy.ts";
import { type Flags, UsageError, validate } from "./cli.ts";
import { runExploration } from "./exploration.ts";

/** So many seeds must have looked at every promise, and so many filled the whole ledger. */
const seedsForLooks = 100;
const seedsForLedger = 500;
/** Lines of a trace that are shown of a failure. */
const tailLines = 40;

const count = (least: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,10}$/, `a number from ${least}`),
    v.transform(Number),
    v.minValue(least, `a number from ${least}`),
  );

const schema = v.object({
  seeds: v.optional(count(1), "100"),
  from: v.optional(count(0), "1"),
  seed: v.optional(count(0)),
  scenario: v.optional(v.string()),
  trace: v.optional(v.boolean(), false),
});

/** Declares the flags. */
export function simulationFlags(cli: CAC): ReturnType<CAC["command"]> {
  return cli
    .command("", "Run whole clusters in virtual time, with faults")
    .option("--seeds <number>", "How many seeds to run (100)")
    .option("--from <seed>", "The first of them (1)")
    .option("--seed <seed>", "Run this one only; with --accuracy, another measure (1)")
    .option("--scenario <file>", "Run a scenario that was written down instead")
    .option("--accuracy", "Measure instead how sure the failure detector is, as a table")
    .option("--servers <numbers>", "With --accuracy: sizes of clusters (3,5,10,20,50)")
    .option("--loss <percents>", "With --accuracy: segments lost (1,5)")
    .option("--hours <number>", "With --accuracy: server-hours a row, at the most (100000)")
    .option("--steps <millions>", "With --accuracy: steps a row, in millions, at the most (0.1)")
    .option("--deaths <number>", "With --accuracy: deaths of each kind a row (5)")
    .option("--explore", "Follow instead every order of events in small cases")
    .option("--states <number>", "With --explore: worlds of a case, at the most (20000)")
    .option("--cases <text>", "With --explore: only cases with this in their names")
    .option("--trace", "With --seed or --scenario: print everything that happens");
}

/**
 * Runs what the flags say; the process ends with 1 if a promise was broken, and after many seeds
 * also if one was not looked at or a fault never met an operation.
 */
export async function runSimulation(flags: Flags): Promise<void> {
  if (flags["accuracy"] === true) {
    await runAccuracy(flags);
    return;
  }
  if (flags["explore"] === true) {
    await runExploration(flags);
    return;
  }
  const wish = validate("flag", schema, flags);
  const single = wish.scenario === undefined ? wish.seed : undefined;
  if (wish.scenario !== undefined || single !== undefined) {
    const scenario = single === undefined ? readScenario(wish.scenario ?? "") : scenarioOf(single);
    process.exitCode = runOne(scenario, wish.trace) ? 0 : 1;
    return;
  }
  process.exitCode = (await runMany(wish.from, wish.seeds)) ? 0 : 1;
}

function readScenario(file: string): Scenario {
  const read = parseScenario(readFileSync(file, "utf8"));
  if (!read.ok) throw new UsageError(`${file}: ${read.error}`);
  return read.value;
}

function runOne(scenario: Scenario, withTrace: boolean): boolean {
  process.stdout.write(formatScenario(scenario));
  const outcome = withTrace
    ? simulate(scenario, { trace: (line) => process.stdout.write(`${line}\n`) })
    : simulate(scenario);
  const { fingerprint, failure } = outcome;
  console.log(`fingerprint ${fingerprint.toString(16)}, ${outcome.steps} steps`);
  if (failure !== undefined) console.log(describe(failure));
  return failure === undefined;
}

/** What came of many runs. */
interface Tally {
  readonly ledger: Ledger;
  readonly looks: Map<string, number>;
  readonly failed: number[];
  steps: number;
  ms: number;
  fingerprint: number;
}

/** Whether all seeds passed, and enough was looked at for that to mean something. */
async function runMany(from: number, seeds: number): Promise<boolean> {
  const tally: Tally = {
    ...{ ledger: new Map(), looks: new Map(), failed: [] },
    ...{ steps: 0, ms: 0, fingerprint: 0 },
  };
  const started = performance.now();
  for (let seed = from; seed < from + seeds; seed++) {
    const outcome = simulate(scenarioOf(seed), { ledger: tally.ledger });
    add(tally, outcome);
    if (outcome.failure !== undefined) {
      tally.failed.push(seed);
      showFailure(seed, outcome);
    }
    // Lets a signal through.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - started) / 1_000;
  const isEnough = showLooks(tally, seeds);
  const { steps, ms, fingerprint, failed } = tally;
  console.log(
    `${seeds} seeds from ${from} in ${seconds.toFixed(1)} s (${(seeds / seconds).toFixed(1)} a` +
      ` second): ${steps} steps, ${(ms / 3_600_000).toFixed(2)} virtual hours, fingerprint` +
      ` ${fingerprint.toString(16)}`,
  );
  const which = failed.length === 0 ? "" : `: ${failed.join(" ")}`;
  console.log(`${seeds - failed.length} passed, ${failed.length} failed${which}`);
  return failed.length === 0 && isEnough;
}

function add(tally: Tally, { steps, ms, fingerprint, looks }: Outcome): void {
  tally.steps += steps;
  tally.ms += ms;
  tally.fingerprint = Math.imul(tally.fingerprint ^ fingerprint, 0x01000193) >>> 0;
  for (const [promise, times] of looks) {
    tally.looks.set(promise, (tally.looks.get(promise) ?? 0) + times);
  }
}

/** Shows what was tried and looked at; whether that is all that so many seeds must reach. */
function showLooks({ ledger, looks }: Tally, seeds: number): boolean {
  console.log(ledgerTable(ledger));
  const gaps = ledgerGaps(ledger, seeds);
  for (const gap of gaps) console.log(`never met: ${gap}`);
  for (const key of metExceptions(ledger)) console.log(`met, though excepted: ${key}`);
  for (const [key, reason] of Object.entries(exceptions))
    console.log(`excepted: ${key}: ${reason}`);
  for (const [name, reason] of seeds < seedsForSeldom ? Object.entries(seldom) : []) {
    console.log(`excepted below ${seedsForSeldom} seeds: ${name}: ${reason}`);
  }
  const counted = promises.map((promise) => `${promise} ${looks.get(promise) ?? 0}`);
  console.log(`looked at: ${counted.join(", ")}`);
  const unseen = promises.filter((promise) => !looks.has(promise));
  if (unseen.length > 0) console.log(`nobody looked at ${unseen.join(" ")}`);
  const isSeen = unseen.length === 0 || seeds < seedsForLooks;
  return isSeen && (gaps.length === 0 || seeds < seedsForLedger);
}

function showFailure(seed: number, { failure }: Outcome): void {
  if (failure === undefined) return;
  console.log(`seed ${seed} is broken: ${describe(failure)}`);
  const { scenario, outcome } = shrink(scenarioOf(seed), failure.promise);
  console.log("A smaller scenario that breaks the same promise (run it with --scenario FILE):");
  process.stdout.write(formatScenario(scenario));
  if (outcome.failure !== undefined) console.log(`# ${describe(outcome.failure)}`);
  const lines: string[] = [];
  simulate(scenario, { trace: (line) => lines.push(line) });
  console.log(`Its last lines (all of them: chat-simulate --seed ${seed} --trace):`);
  console.log(lines.slice(-tailLines).join("\n"));
}

function describe({ promise, detail, at }: NonNullable<Outcome["failure"]>): string {
  return `${promise} at ${Math.round(at)} ms: ${detail}`;
}
