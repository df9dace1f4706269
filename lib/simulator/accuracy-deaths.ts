/**
 * Deaths of servers, to measure how soon the others are sure: the process is killed, stands still
 * for good, or is lost with its host. Each time the cluster is whole before, and made whole again.
 *
 * @module
 */

import { AccuracyCluster, type ClusterPlan } from "./accuracy-cluster.ts";
import type { AccuracyServer, Death } from "./accuracy-server.ts";

/** The ways to be dead. */
export const deathKinds: readonly Death[] = ["crash", "stalled process", "lost host"];
/** Who has not noticed by then never will. */
const patienceMs = 30_000;

/** What is measured in deaths. */
export interface DeathsPlan extends ClusterPlan {
  readonly kind: Death;
  readonly deaths: number;
}

/** How soon deaths were noticed. */
export interface Deaths {
  /** From each death to its eviction by each of the others, in milliseconds, the shortest first. */
  readonly evictedMs: readonly number[];
  /** From each death to the moment when each of the others hides it, the shortest first. */
  readonly hiddenMs: readonly number[];
  /** Others that did not notice. There must be none. */
  readonly unnoticed: number;
  /** Members evicted by somebody although they had not ended. */
  readonly falseEvictions: number;
  readonly ranMs: number;
  readonly steps: number;
}

/**
 * Ends one server after another in one way, and measures when each of the others has evicted it.
 *
 * @example
 * ```ts
 * const plan = { servers: 5, loss: 0.01, seed: 1, timing: defaultTiming } as const;
 * const { evictedMs } = measureDeaths({ ...plan, kind: "lost host", deaths: 100 });
 * console.log(percentile(evictedMs, 0.99)); // about 4,000
 * ```
 */
export function measureDeaths(plan: DeathsPlan): Deaths {
  const cluster = new AccuracyCluster(plan);
  const startedAt = cluster.agenda.now;
  const hidden = new Noticed();
  const evicted = new Noticed();
  let [unnoticed, falseEvictions] = [0, 0];
  let victim: AccuracyServer | undefined;
  cluster.judged = ({ event, observer, target, at }) => {
    const isEviction = event === "member-evicted";
    if (target === victim && target.death !== undefined) {
      hidden.note(observer, at - target.death.at);
      if (isEviction) evicted.note(observer, at - target.death.at);
    } else if (isEviction) falseEvictions++;
  };
  for (let left = plan.deaths; left > 0; left--) {
    cluster.run(cluster.random.fraction() * plan.timing.heartbeatMs);
    hidden.begin();
    evicted.begin();
    victim = cluster.strike(plan.kind);
    const until = cluster.agenda.now + patienceMs;
    const others = plan.servers - 1;
    while (evicted.by.size < others && cluster.agenda.now < until) cluster.run(10);
    unnoticed += others - evicted.by.size;
    victim.remove();
    cluster.start(victim.id);
    cluster.runUntilSettled();
  }
  const ranMs = cluster.agenda.now - startedAt;
  const times = { evictedMs: evicted.sorted(), hiddenMs: hidden.sorted() };
  return { ...times, unnoticed, falseEvictions, ranMs, steps: cluster.steps };
}

/** When each of the others noticed a death; only the first time counts. */
class Noticed {
  readonly by: Set<AccuracyServer> = new Set();
  readonly #afterMs: number[] = [];

  begin(): void {
    this.by.clear();
  }

  note(observer: AccuracyServer, afterMs: number): void {
    if (this.by.has(observer)) return;
    this.by.add(observer);
    this.#afterMs.push(afterMs);
  }

  sorted(): readonly number[] {
    return this.#afterMs.sort((one, other) => one - other);
  }
}

/** The smallest of some sorted numbers that so large a part of them does not exceed. */
export function percentile(sorted: readonly number[], part: number): number {
  const place = Math.max(0, Math.ceil(part * sorted.length) - 1);
  return sorted[place] ?? Number.NaN;
}
