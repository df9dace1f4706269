/**
 * One run: chaos first, in which nothing may ever be wrong; then everything heals and the cluster
 * must agree again and serve everybody. Same scenario, same run, to the last byte.
 *
 * @module
 */

import { agreement } from "./checkers/agreement.ts";
import { answers } from "./checkers/answers.ts";
import { bounds } from "./checkers/bounds.ts";
import { type Checker, Watch } from "./checkers/checker.ts";
import { detection } from "./checkers/detection.ts";
import { drains } from "./checkers/drains.ts";
import { entitlement } from "./checkers/entitlement.ts";
import { freedNames } from "./checkers/freed-names.ts";
import { identities } from "./checkers/identities.ts";
import { locks } from "./checkers/locks.ts";
import { messages } from "./checkers/messages.ts";
import { outcasts } from "./checkers/outcasts.ts";
import { rooms } from "./checkers/rooms.ts";
import { routes } from "./checkers/routes.ts";
import { seats } from "./checkers/seats.ts";
import { strangers } from "./checkers/strangers.ts";
import { vetoes } from "./checkers/vetoes.ts";
import { Cluster } from "./cluster.ts";
import { Faults } from "./faults.ts";
import { keepLedger, type Ledger } from "./ledger.ts";
import { probe } from "./progress.ts";
import { rush } from "./rush.ts";
import type { Scenario } from "./scenario.ts";
import type { ServerMachine } from "./server-process.ts";
import { tell } from "./trace.ts";

/** All promises: each must have been looked at, or a run of many seeds proves less than it says. */
export const promises: readonly string[] = Array.from({ length: 16 }, (_, at) => `I${at + 1}`);

/** All that is watched over. */
const checkers: readonly ((watch: Watch) => Checker)[] = [
  identities,
  rooms,
  freedNames,
  routes,
  locks,
  answers,
  seats,
  agreement,
  outcasts,
  messages,
  entitlement,
  strangers,
  bounds,
  detection,
  vetoes,
  drains,
];

/** How long after the last change of faults everybody must agree. */
const agreeMs = 10_000;
/** How long the probing users have, and what is still under way to end. */
const finishMs = 6_000;
const sweepMs = 250;

/** What came of a run. */
export interface Outcome {
  /** The promise that was broken, how, and when; nothing if all were kept. */
  readonly failure:
    | { readonly promise: string; readonly detail: string; readonly at: number }
    | undefined;
  /** Equal for equal runs. */
  readonly fingerprint: number;
  /** Virtual milliseconds, and steps of all servers together. */
  readonly ms: number;
  readonly steps: number;
  /** How often each promise was really looked at. */
  readonly looks: ReadonlyMap<string, number>;
}

/** What a run may be asked for beside its outcome. */
export interface Wishes {
  /** Gets a line for everything that happens. */
  readonly trace?: (line: string) => void;
  /** Is counted on. */
  readonly ledger?: Ledger;
  /** Runs instead of the real server: one with a broken rule, which the checkers must notice. */
  readonly machine?: ServerMachine;
}

/**
 * Runs a scenario.
 *
 * @example
 * ```ts
 * const { failure } = simulate(scenarioOf(42));
 * if (failure !== undefined) console.log(`${failure.promise}: ${failure.detail}`);
 * ```
 */
export function simulate(scenario: Scenario, wishes: Wishes = {}): Outcome {
  const cluster = new Cluster(scenario, wishes.machine);
  const faults = new Faults(cluster);
  const watch = new Watch(cluster, faults);
  watch.use(checkers);
  if (wishes.ledger !== undefined) cluster.observers.push(keepLedger(wishes.ledger, faults));
  if (wishes.trace !== undefined) tell(cluster, wishes.trace);
  begin(cluster, scenario);
  faults.plan(scenario.faults);
  rush(cluster, scenario);
  const healAt = scenario.chaosMs;
  const settledAt = healAt + agreeMs;
  run(cluster, watch, healAt);
  cluster.trace?.("=== everything heals");
  faults.heal();
  cluster.after(2_000, () => {
    cluster.isLively = false;
  });
  run(cluster, watch, settledAt);
  let probers = { finished: 0, started: 0 };
  if (cluster.broken === undefined) {
    cluster.trace?.("=== everybody must agree");
    watch.settled();
    if (watch.hasMajority()) probers = probe(cluster);
  }
  run(cluster, watch, settledAt + finishMs);
  if (cluster.broken === undefined) {
    watch.finished();
    watch.looked("I14", probers.finished);
    if (probers.finished < probers.started) watch.complain("I14", "a probing user is stuck");
  }
  const { broken, fingerprint, now, steps } = cluster;
  return { failure: broken, fingerprint, ms: now, steps, looks: watch.looks };
}

function begin(cluster: Cluster, { servers, users }: Scenario): void {
  for (let number = 1; number <= servers; number++) {
    const id = `s${number}`;
    cluster.serverIds.push(id);
    cluster.agenda.plan(cluster.random.between(0, 150), () => cluster.startServer(id));
  }
  for (let number = 1; number <= users; number++) cluster.addUser(number);
}

/** Lets the world go on until then, or until a promise is broken. */
function run(cluster: Cluster, watch: Watch, until: number): void {
  const { agenda } = cluster;
  while (cluster.broken === undefined && agenda.now < until) {
    const end = Math.min(until, agenda.now + sweepMs);
    while (cluster.broken === undefined && agenda.runNext(end));
    if (cluster.broken === undefined) watch.swept();
  }
}
