/**
 * Hours of a healthy cluster, to count how often its failure detector is wrong. In most of them
 * nothing can happen: as long as nobody stands still and no segment is lost three times in a row,
 * no silence is longer than 0.55 s + 0.6 s, and nobody is suspected before 1.5 s. Such stretches
 * are not run but skipped, and their length is drawn: segments that are lost so often, and stalls,
 * come at random with known rates, so the time to the next one has an exponential distribution.
 * While time is not skipped, every segment is lost with its true probability.
 *
 * @module
 */

import type { Instant } from "../machine.ts";
import { AccuracyCluster, type ClusterPlan, type Judgement } from "./accuracy-cluster.ts";
import { lossesInARow, lossesThatMatter, pauseMs } from "./accuracy-loss.ts";
import type { AccuracyServer } from "./accuracy-server.ts";

/** A server stands still so often: once in ten hours, which is more than a sound host does. */
export const stallsHourly = 0.1;
const stallLeastMs = 50;
const stallMostMs = 3_000;
/** What each server sends to each other one in an hour: a heartbeat in 0.5 s, one segment each. */
const segmentsHourly = 7_200;
/** How long after a delayed segment or a new link a suspicion may still be its consequence. */
const aftermathMs = 2_000;

/** What is measured in hours. */
export interface HoursPlan extends ClusterPlan {
  readonly serverHours: number;
  /** Fewer hours, if so many steps of machines did not suffice. */
  readonly stepsMax: number;
  /** Whether time in which nothing can happen is skipped; if not, all of it is run. */
  readonly skips: boolean;
}

/** What was counted in hours. */
export interface Hours {
  readonly serverHours: number;
  /** Milliseconds that were really run. */
  readonly ranMs: number;
  readonly stalls: number;
  readonly suspicions: number;
  /** Of these: the member did not stand still at any moment of the silence. */
  readonly falseSuspicions: number;
  /** Of these: nothing on the way was delayed either, and the link is old. There must be none. */
  readonly unexplained: number;
  /** Members evicted by somebody although they had not ended. */
  readonly falseEvictions: number;
  readonly steps: number;
  /** A number that every judgement and its instant change. */
  readonly fingerprint: number;
}

/**
 * Runs a healthy cluster for so many server-hours and counts the judgements.
 *
 * @example
 * ```ts
 * const { falseEvictions } = measureHours({
 *   servers: 5,
 *   loss: 0.01,
 *   seed: 1,
 *   timing: defaultTiming,
 *   serverHours: 1_000,
 *   stepsMax: 1e6,
 *   skips: true,
 * });
 * ```
 */
export function measureHours(plan: HoursPlan): Hours {
  return new HoursRun(plan).run();
}

class HoursRun {
  readonly #plan: HoursPlan;
  readonly #cluster: AccuracyCluster;
  readonly #startedAt: Instant;
  #skippedMs = 0;
  #stalls = 0;
  #nextStallAt: Instant;
  #suspicions = 0;
  #falseSuspicions = 0;
  #unexplained = 0;
  #falseEvictions = 0;
  #fingerprint = 0x811c9dc5;

  constructor(plan: HoursPlan) {
    this.#plan = plan;
    this.#cluster = new AccuracyCluster(plan);
    this.#startedAt = this.#cluster.agenda.now;
    this.#nextStallAt = this.#startedAt + this.#stallPauseMs();
    this.#cluster.judged = (judgement) => this.#count(judgement);
  }

  run(): Hours {
    const { agenda } = this.#cluster;
    const wantedMs = (this.#plan.serverHours / this.#plan.servers) * 3_600_000;
    const passedMs = () => agenda.now - this.#startedAt + this.#skippedMs;
    const stepsMax = this.#cluster.steps + this.#plan.stepsMax;
    const isSpent = () => this.#cluster.steps >= stepsMax;
    while (passedMs() < wantedMs && !isSpent()) {
      if (!this.#plan.skips) this.#runUntil(agenda.now + 1_000);
      else {
        this.#skip(wantedMs - passedMs());
        // What was drawn to happen has begun after this, and then it takes its course.
        this.#runUntil(agenda.now + this.#plan.timing.heartbeatMs);
        while (!this.#cluster.isSettled()) this.#runUntil(agenda.now + 100);
      }
    }
    return this.#hours(passedMs());
  }

  /** Skips the time to the next event that matters; a long delay begins at once. */
  #skip(mostMs: number): void {
    const { random, agenda, loss } = this.#cluster;
    const { servers } = this.#plan;
    const hourly = servers * (servers - 1) * segmentsHourly * loss ** lossesThatMatter;
    const delayAfterMs = pauseMs(random, hourly);
    const stallAfterMs = this.#nextStallAt - agenda.now;
    const skippedMs = Math.min(delayAfterMs, stallAfterMs, mostMs);
    this.#skippedMs += skippedMs;
    this.#nextStallAt -= skippedMs;
    if (skippedMs !== delayAfterMs) return;
    this.#cluster.delaySomething(lossesThatMatter + lossesInARow(random, loss));
  }

  /** Runs until then; servers stand still when their time has come. */
  #runUntil(until: Instant): void {
    const { agenda } = this.#cluster;
    while (this.#nextStallAt <= until) {
      this.#cluster.run(this.#nextStallAt - agenda.now);
      this.#stall();
      this.#nextStallAt = agenda.now + this.#stallPauseMs();
    }
    this.#cluster.run(until - agenda.now);
  }

  #stall(): void {
    const { agenda, random, servers } = this.#cluster;
    const server = random.pick([...servers.values()]);
    const lengthMs = stallLeastMs + random.fraction() * (stallMostMs - stallLeastMs);
    if (server.status !== "running") return;
    this.#stalls++;
    server.stall();
    agenda.after(lengthMs, () => server.resume());
  }

  #stallPauseMs(): number {
    return pauseMs(this.#cluster.random, stallsHourly * this.#plan.servers);
  }

  #count({ event, observer, target, at }: Judgement): void {
    this.#mix(event.length, at);
    if (event === "member-evicted") {
      this.#falseEvictions++;
      return;
    }
    this.#suspicions++;
    if (stoodStill(target, at, this.#plan.timing.suspectMs)) return;
    this.#falseSuspicions++;
    if (!isExplained(observer, target, at)) this.#unexplained++;
  }

  #mix(...numbers: readonly number[]): void {
    for (const each of numbers) {
      for (const sign of String(each)) {
        this.#fingerprint = Math.imul(this.#fingerprint ^ sign.charCodeAt(0), 0x01000193) >>> 0;
      }
    }
  }

  #hours(passedMs: number): Hours {
    const { agenda, steps } = this.#cluster;
    this.#mix(steps, passedMs);
    return {
      serverHours: (passedMs * this.#plan.servers) / 3_600_000,
      ranMs: agenda.now - this.#startedAt,
      stalls: this.#stalls,
      suspicions: this.#suspicions,
      falseSuspicions: this.#falseSuspicions,
      unexplained: this.#unexplained,
      falseEvictions: this.#falseEvictions,
      steps,
      fingerprint: this.#fingerprint,
    };
  }
}

/** Whether a process stood still at any moment of the time before. */
function stoodStill(server: AccuracyServer, at: Instant, withinMs: number): boolean {
  return server.status === "still" || server.resumedAt > at - withinMs;
}

/**
 * Whether something was on its way to the observer for long before a suspicion, or their link was
 * being made anew, which a suspicion leads to. That the observer itself stood still is no reason
 * (promise I15).
 */
function isExplained(observer: AccuracyServer, { id }: AccuracyServer, at: Instant): boolean {
  const { state, lateFrom } = observer;
  const lateAt = lateFrom.get(id) ?? Number.NEGATIVE_INFINITY;
  const { link, linkedAt } = state.peers.get(id) ?? { link: undefined, linkedAt: at };
  return link === undefined || Math.max(lateAt, linkedAt) > at - aftermathMs;
}
