/**
 * The tester tested: breaks one rule after another in a copy of the sources, runs seeds until a
 * checker notices, and prints which one did. `npm run test:mutants -- PATTERN` runs some of them.
 * Ends with 1 if one lives. The sources themselves are never touched.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { packageFolder } from "../support/process.ts";
import { type Mutant, mutants } from "./mutants.ts";

type Simulator = typeof import("../../lib/simulator/mod.ts");

const seedsMax = Number(process.env["MUTANT_SEEDS"] ?? 1_000);
/** How long one mutant may be hunted. */
const limitMs = 400_000;

/** A copy of lib/ with this rule broken, as a module. */
async function broken({ name, changes }: Mutant, folder: string): Promise<Simulator> {
  cpSync(join(packageFolder, "lib"), join(folder, "lib"), { recursive: true });
  writeFileSync(join(folder, "package.json"), readFileSync(join(packageFolder, "package.json")));
  symlinkSync(join(packageFolder, "node_modules"), join(folder, "node_modules"));
  for (const [file, text, instead] of changes) {
    const path = join(folder, "lib", file);
    const source = readFileSync(path, "utf8");
    if (source.split(text).length !== 2) {
      throw new Error(`mutant "${name}": its text is not once in lib/${file}; look at it again`);
    }
    writeFileSync(
      path,
      source.replace(text, () => instead),
    );
  }
  return (await import(pathToFileURL(join(folder, "lib/simulator/mod.ts")).href)) as Simulator;
}

/** The promise that was seen to be broken, and after how many seeds. */
async function hunt(mutant: Mutant): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "mutant-"));
  const from = Number(process.env["MUTANT_FROM"] ?? 1);
  try {
    const { explorationCases, explore, scenarioOf, simulate } = await broken(mutant, folder);
    for (const { name, exploration, isSmall } of explorationCases()) {
      const { failure } = isSmall ? explore(exploration) : { failure: undefined };
      if (failure !== undefined) return `exploration of ${name}: ${failure.detail}`;
    }
    for (let seed = from; seed < from + seedsMax; seed++) {
      const { failure } = simulate(scenarioOf(seed));
      if (failure === undefined) continue;
      const { promise, detail } = failure;
      return `${promise.padEnd(4)} seed ${String(seed).padEnd(4)} ${detail.slice(0, 90)}`;
    }
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In a process of its own, for a broken rule may also never come to an end. */
function huntApart({ name }: Mutant): string | undefined {
  const child = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url)], {
    env: { ...process.env, MUTANT: name },
    timeout: limitMs,
    encoding: "utf8",
  });
  if (child.error !== undefined) return `does not come to an end within ${limitMs / 1_000} s`;
  const said = child.stdout.trim();
  if (child.status !== 0) throw new Error(child.stderr.trim().split("\n").at(0));
  return said === "" ? undefined : said;
}

function huntAll(pattern: RegExp): number {
  let alive = 0;
  const chosen = mutants.filter(({ name }) => pattern.test(name));
  for (const mutant of chosen) {
    let said: string;
    try {
      const caught = huntApart(mutant);
      if (caught === undefined) alive++;
      said = caught ?? `ALIVE after ${seedsMax} seeds`;
    } catch (error) {
      alive++;
      said = error instanceof Error ? error.message : String(error);
    }
    console.log(`${mutant.name.padEnd(56)} ${said}`);
  }
  console.log(`${chosen.length - alive} passed, ${alive} failed`);
  return alive;
}

const only = mutants.find(({ name }) => name === process.env["MUTANT"]);
if (only === undefined) {
  process.exitCode = huntAll(new RegExp(process.argv[2] ?? ".")) === 0 ? 0 : 1;
} else {
  try {
    console.log((await hunt(only)) ?? "");
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  }
}
