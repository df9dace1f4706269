/**
 * The tester tested: breaks one rule after another in a copy of the sources, lets the simulator
 * look at it, and prints what noticed. `npm run test:mutants -- PATTERN` takes those whose names
 * match, `--table` prints the table of test/mutants/README.md, `--seeds N` and `--workers N` change
 * how far and how many at a time. Ends with 1 if one lives. The sources are never touched.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { scriptCommand } from "../support/process.ts";
import { type Caught, hunt, knownPlaces } from "./hunt.ts";
import { type Mutant, mutants } from "./mutants.ts";

/** How long one mutant may be hunted; a broken rule may also never come to an end. */
const limitMs = 240_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "1000" },
    workers: { type: "string", default: String(Math.min(2, availableParallelism())) },
    table: { type: "boolean", default: false },
    /** Both are set for the process of one mutant: its name, and where its copy goes. */
    only: { type: "string" },
    folder: { type: "string" },
  },
});
const seedsMax = Number(values.seeds);
const table = new URL("./README.md", import.meta.url);

/** Hunts one in a process of its own; gives up when that does not come to an end. */
async function huntApart({ name }: Mutant): Promise<Caught | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "mutant-"));
  const [command, ...before] = scriptCommand("test/mutants/run.ts");
  const how = values.table ? ["--table"] : [];
  const args = [...before, "--only", name, "--folder", folder, "--seeds", values.seeds, ...how];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), limitMs);
  const [code, signal] = await once(child, "close");
  clearTimeout(limit);
  rmSync(folder, { recursive: true, force: true });
  if (signal !== null) throw new Error(`not decided within ${limitMs / 1_000} s`);
  if (code !== 0) throw new Error(`its process ended with ${code}`);
  return said === "" ? undefined : (JSON.parse(said) as Caught);
}

/** One line, or one row of the table, for a mutant; whether it was caught. */
async function report(mutant: Mutant): Promise<boolean> {
  const { name } = mutant;
  let caught: Caught | undefined;
  let trouble = `ALIVE after ${seedsMax} seeds`;
  try {
    caught = await huntApart(mutant);
  } catch (error) {
    trouble = error instanceof Error ? error.message : String(error);
  }
  if (values.table) {
    const { checker, where, promise } = caught ?? { checker: "", where: trouble, promise: "" };
    console.log(`| ${name} | ${promise} | ${checker} | ${where} |`);
  } else if (caught === undefined) {
    console.log(`${name.padEnd(56)} ${trouble}`);
  } else {
    const { checker, where, promise, detail } = caught;
    console.log(`${name.padEnd(56)} ${promise.padEnd(4)} ${checker}, ${where}: ${detail}`);
  }
  return caught !== undefined;
}

/** Several at a time; what they print comes in the order of the list. */
async function huntAll(chosen: readonly Mutant[]): Promise<void> {
  const started = performance.now();
  const waiting = [...chosen];
  let alive = 0;
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (!(await report(next))) alive++;
    }
  };
  if (values.table)
    console.log("| broken rule | promise | checker | where |\n| --- | --- | --- | --- |");
  await Promise.all(Array.from({ length: Number(values.workers) }, work));
  if (!values.table) {
    console.log(`\n${((performance.now() - started) / 1_000).toFixed(1)} s`);
    console.log(`${chosen.length - alive} passed, ${alive} failed`);
  }
  process.exitCode = alive === 0 && chosen.length > 0 ? 0 : 1;
}

const only = mutants.find(({ name }) => name === values.only);
if (only === undefined || values.folder === undefined) {
  const pattern = new RegExp(positionals[0] ?? ".");
  await huntAll(mutants.filter(({ name }) => pattern.test(name)));
} else {
  // The table is made without itself.
  const known = values.table ? new Map<string, string>() : knownPlaces(readFileSync(table, "utf8"));
  const caught = await hunt(only, values.folder, seedsMax, known.get(only.name));
  if (caught !== undefined) console.log(JSON.stringify(caught));
}
