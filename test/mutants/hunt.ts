/**
 * Hunts one mutant: a copy of the sources with its rule broken goes where it was last noticed, then
 * through the first seeds, which are quick, the small explorations and the scenarios that are kept,
 * then through more seeds, until something notices.
 *
 * @module
 */

import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { packageFolder } from "../support/process.ts";
import type { Mutant } from "./mutants.ts";

type Simulator = typeof import("../../lib/simulator/mod.ts");

/** What noticed that a rule is broken. */
export interface Caught {
  /** The promise that was seen to be broken. */
  readonly promise: string;
  /** The file of `lib/simulator/` that said so. */
  readonly checker: string;
  /** The exploration, the scenario or the seed. */
  readonly where: string;
  readonly detail: string;
}

/** Most mutants are noticed by one of these, in a second or two. */
const firstSeeds = 8;

/** Where each mutant was noticed when the table was made. */
export function knownPlaces(table: string): ReadonlyMap<string, string> {
  const rows = table.split("\n").map((line) => line.split(" | "));
  return new Map(
    rows.flatMap(([name = "", , , where = ""]) =>
      name.startsWith("| ") ? [[name.slice(2), where.replace(/ \|$/, "")]] : [],
    ),
  );
}

/**
 * Runs a mutant, in an empty folder, until something notices or nothing has in so many seeds. It
 * begins at `known`, if that is given.
 */
export async function hunt(
  mutant: Mutant,
  folder: string,
  seedsMax: number,
  known?: string,
): Promise<Caught | undefined> {
  const simulator = await broken(mutant, folder);
  const first = Math.min(firstSeeds, seedsMax);
  const [, kind, place = ""] = /^(seed|scenario|exploration:) (.*)$/.exec(known ?? "") ?? [];
  const again =
    kind === "seed"
      ? seeded(simulator, Number(place), Number(place))
      : kind === "scenario"
        ? replayed(simulator, place)
        : kind === "exploration:"
          ? explored(simulator, place)
          : undefined;
  return (
    again ??
    seeded(simulator, 1, first) ??
    explored(simulator) ??
    replayed(simulator) ??
    seeded(simulator, first + 1, seedsMax)
  );
}

/** A copy of lib/ with this rule broken, as a module. */
async function broken({ name, changes }: Mutant, folder: string): Promise<Simulator> {
  cpSync(join(packageFolder, "lib"), join(folder, "lib"), { recursive: true });
  writeFileSync(join(folder, "package.json"), readFileSync(join(packageFolder, "package.json")));
  symlinkSync(join(packageFolder, "node_modules"), join(folder, "node_modules"));
  for (const [file, text, instead] of [...changes, signed]) {
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

/** In the copy, whoever complains leaves its stack; so the table can name the checker. */
const signed: Mutant["changes"][number] = [
  "simulator/cluster.ts",
  "this.broken ??= { promise, detail, at: this.now };",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
  "this.broken ??= { promise, detail: `${new Error().stack}\\0${detail}`, at: this.now };",
];

/** The file below lib/simulator that complained, and what it said. */
function readSigned(text: string): { readonly checker: string; readonly detail: string } {
  const [stack = "", detail = ""] = text.split("\0");
  const files = [...stack.matchAll(/lib\/simulator\/([a-z/-]+\.ts)/g)].map(([, file = ""]) => file);
  const own = ["cluster.ts", "checkers/checker.ts", "user.ts"];
  return { checker: files.find((file) => !own.includes(file)) ?? "cluster.ts", detail };
}

/** More than any small case has; with a broken rule one may have no end. */
const statesMax = 6_000;

function explored({ explorationCases, explore }: Simulator, only?: string): Caught | undefined {
  for (const { name, exploration, isSmall } of explorationCases()) {
    if (only !== undefined && name !== only) continue;
    const { failure } = isSmall ? explore({ ...exploration, statesMax }) : { failure: undefined };
    if (failure === undefined) continue;
    const [, promise = "", detail = ""] = /^(?:(I\d+): )?(.*)$/s.exec(failure.detail) ?? [];
    return { promise, checker: "small-checks.ts", where: `exploration: ${name}`, detail };
  }
  return undefined;
}

function replayed({ parseScenario, simulate }: Simulator, only?: string): Caught | undefined {
  const scenarios = join(packageFolder, "test/scenarios");
  for (const file of readdirSync(scenarios).sort()) {
    if (only !== undefined && file !== only) continue;
    const scenario = parseScenario(readFileSync(join(scenarios, file), "utf8"));
    if (!scenario.ok) throw new Error(`${file}: ${scenario.error}`);
    const { failure } = simulate(scenario.value);
    if (failure === undefined) continue;
    return { promise: failure.promise, where: `scenario ${file}`, ...readSigned(failure.detail) };
  }
  return undefined;
}

function seeded({ scenarioOf, simulate }: Simulator, from: number, to: number): Caught | undefined {
  for (let seed = from; seed <= to; seed++) {
    const { failure } = simulate(scenarioOf(seed));
    if (failure === undefined) continue;
    return { promise: failure.promise, where: `seed ${seed}`, ...readSigned(failure.detail) };
  }
  return undefined;
}
