/**
 * The simulator's public surface: whole clusters in virtual time, from a seed.
 *
 * @module
 */

export {
  type AccuracyPlan,
  type AccuracyRow,
  accuracyFaults,
  accuracyTable,
  measureAccuracy,
} from "./accuracy.ts";
export { type Deaths, type DeathsPlan, measureDeaths, percentile } from "./accuracy-deaths.ts";
export { type Hours, type HoursPlan, measureHours } from "./accuracy-hours.ts";
export type { Exploration, Trouble } from "./branches.ts";
export { type Case, explorationCases } from "./cases.ts";
export { type Explored, explore } from "./explore.ts";
export {
  cell,
  exceptions,
  type Ledger,
  ledgerGaps,
  ledgerTable,
  metExceptions,
  type Operation,
  operations,
  seedsForSeldom,
  seldom,
} from "./ledger.ts";
export {
  type Fault,
  type FaultKind,
  faultKinds,
  formatScenario,
  parseScenario,
  type Scenario,
  scenarioOf,
} from "./scenario.ts";
export { type Replayed, replay } from "./script.ts";
export type { ServerMachine } from "./server-process.ts";
export { shrink } from "./shrink.ts";
export { type Outcome, promises, simulate, type Wishes } from "./simulate.ts";
export { passTime, settle, start } from "./small-events.ts";
export { crash, cut } from "./small-faults.ts";
export { say } from "./small-network.ts";
export { emptyWorld, type SmallWorld } from "./small-world.ts";
