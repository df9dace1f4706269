/**
 * The checkers checked: each promise is broken in one rule of the machine, in a world in which that
 * rule matters, and the checker must complain under the right promise; in the same world, unbroken,
 * it must stay silent.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseScenario, promises, type Scenario, simulate } from "../lib/simulator/mod.ts";
import { type Sabotage, sabotages } from "./support/sabotage.ts";

/** In so many worlds, which differ by their seeds, somebody must notice. */
const seedsMax = 16;

const checkers = suite("checkers");

function read(text: string): Scenario {
  const parsed = parseScenario(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** The first world in which a broken machine is noticed for what it breaks. */
function firstNoticed({ promise, world, says, machine }: Sabotage): Scenario {
  const seen: string[] = [];
  for (let seed = 1; seed <= seedsMax; seed++) {
    const scenario = read(`seed ${seed} ${world}`);
    const { failure } = simulate(scenario, { machine: machine() });
    if (failure?.promise === promise && says.test(failure.detail)) return scenario;
    if (failure !== undefined) seen.push(`${failure.promise}: ${failure.detail}`);
  }
  throw new Error(`not noticed in ${seedsMax} worlds; instead:\n${seen.join("\n")}`);
}

for (const sabotage of sabotages) {
  const { promise, broken } = sabotage;
  checkers(`${promise} is broken when ${broken}`, () => {
    const { failure, looks } = simulate(firstNoticed(sabotage));
    assert.is(failure && `${failure.promise}: ${failure.detail}`, undefined, "unbroken, silent");
    assert.ok((looks.get(promise) ?? 0) > 0, "and silent although it looked");
  });
}

checkers("there is a broken machine for each promise", () => {
  const broken = new Set(sabotages.map(({ promise }: Sabotage) => promise));
  assert.equal(
    promises.filter((promise) => !broken.has(promise)),
    [],
  );
});

checkers.run();
