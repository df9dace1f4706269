/**
 * Every order of events in small cases, with the real server, and one fault at every possible point.
 * A case that is too large for the suite is followed up to a number of states, which is said;
 * `EXPLORE_STATES=1000000 npm test -- exploration` goes on.
 *
 * @module
 */

import process from "node:process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Exploration, explorationCases, explore } from "../lib/simulator/mod.ts";

const statesMax = Number(process.env["EXPLORE_STATES"] ?? 4_000);
const exploration = suite("exploration");

for (const { name, exploration: wanted, isSmall } of explorationCases()) {
  exploration(`in every order: ${name}`, () => {
    const { states, edges, ends, complete, failure } = explore({ ...wanted, statesMax });
    const how = complete ? "all of them" : "more were left";
    console.log(`  ${name}: ${states} states, ${edges} edges, ${ends} ends; ${how}`);
    const detail = failure && `${failure.detail}\n${failure.path.join("\n")}`;
    assert.is(detail, undefined);
    assert.ok(complete || !isSmall, "a small case is followed to its end");
  });
}

exploration("what is broken is found, and told as a path", () => {
  const [first] = explorationCases();
  const broken = { ...(first?.exploration as Exploration), wrongEnd: () => "an end" };
  const { failure } = explore(broken);
  assert.is(failure?.detail, "an end");
  assert.ok((failure?.path.length ?? 0) > 10);
});

exploration.run();
