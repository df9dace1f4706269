/**
 * How sure the failure detector is, as rows of a table: how often healthy members are suspected or
 * even evicted, and how soon dead ones are, by the size of the cluster and the loss on the network.
 *
 * @module
 */

import { defaultTiming, type Timing } from "../server/config.ts";
import {
  type Deaths,
  type DeathsPlan,
  deathKinds,
  measureDeaths,
  percentile,
} from "./accuracy-deaths.ts";
import { type Hours, measureHours } from "./accuracy-hours.ts";
import type { Death } from "./accuracy-server.ts";

/** What one row is measured with. */
export interface AccuracyPlan {
  readonly servers: number;
  /** The probability that one segment is lost. */
  readonly loss: number;
  readonly seed: number;
  /** Server-hours of a healthy cluster, at the most. */
  readonly serverHours: number;
  /** Fewer hours, if so many steps of machines did not suffice. */
  readonly stepsMax: number;
  /** Deaths of each kind in a cluster of up to ten; fewer make as many observers of larger ones. */
  readonly deaths: number;
  readonly timing?: Timing;
}

/** One row of the table. */
export interface AccuracyRow {
  readonly plan: AccuracyPlan;
  readonly hours: Hours;
  /** How many servers died of each kind. */
  readonly deaths: number;
  readonly noticed: ReadonlyMap<Death, Deaths>;
  /** All members evicted by somebody although they had not ended, also between deaths. */
  readonly falseEvictions: number;
  readonly ranMs: number;
  /** A number that every figure of the row changes: equal runs have equal ones. */
  readonly fingerprint: number;
}

/** Up to this size all deaths are run. */
const smallCluster = 10;

/**
 * Measures one row; the same plan gives the same row.
 *
 * @example
 * ```ts
 * const plan = { servers: 5, loss: 0.01, seed: 1, serverHours: 1_000, stepsMax: 1e6, deaths: 10 };
 * console.log(accuracyTable([measureAccuracy(plan)]));
 * ```
 */
export function measureAccuracy(plan: AccuracyPlan): AccuracyRow {
  const { servers, loss, seed, serverHours, stepsMax, timing = defaultTiming } = plan;
  const cluster = { servers, loss, seed, timing };
  const hours = measureHours({ ...cluster, serverHours, stepsMax, skips: true });
  const share = Math.min(1, smallCluster / servers);
  const deaths = Math.ceil(plan.deaths * share);
  const noticed = new Map<Death, Deaths>();
  let [falseEvictions, ranMs, fingerprint] = [hours.falseEvictions, hours.ranMs, hours.fingerprint];
  deathKinds.forEach((kind, place) => {
    const wish: DeathsPlan = { ...cluster, seed: seed + place + 1, kind, deaths };
    const made = measureDeaths(wish);
    noticed.set(kind, made);
    falseEvictions += made.falseEvictions;
    ranMs += made.ranMs;
    for (const ms of [...made.evictedMs, ...made.hiddenMs, made.steps]) {
      fingerprint = Math.imul(fingerprint ^ Math.round(ms * 1_000), 0x01000193) >>> 0;
    }
  });
  return { plan, hours, deaths, noticed, falseEvictions, ranMs, fingerprint };
}

const columns: readonly string[] = [
  "servers",
  "loss",
  "server-hours",
  "stalls",
  "suspected/h",
  "false/h",
  "false evictions",
  "deaths",
  "crash hidden",
  "crash",
  "stalled",
  "lost host",
  "virtual",
  "fingerprint",
];

/**
 * The rows as a table in Markdown. Suspicions are counted per server-hour and observer; times of
 * deaths are p50/p99 in seconds.
 *
 * @example
 * ```ts
 * console.log(accuracyTable(plans.map(measureAccuracy)));
 * ```
 */
export function accuracyTable(rows: readonly AccuracyRow[]): string {
  const lines = [columns, columns.map(() => "---"), ...rows.map(cells)];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function cells({ plan, hours, deaths, noticed, ...row }: AccuracyRow): readonly string[] {
  const hourly = (count: number) => (count / hours.serverHours).toPrecision(2);
  const crashes = noticed.get("crash");
  return [
    String(plan.servers),
    `${plan.loss * 100} %`,
    rounded(hours.serverHours),
    String(hours.stalls),
    hourly(hours.suspicions),
    hourly(hours.falseSuspicions),
    String(row.falseEvictions),
    `3 × ${deaths}`,
    seconds(crashes?.hiddenMs ?? []),
    ...deathKinds.map((kind) => seconds(noticed.get(kind)?.evictedMs ?? [])),
    `${(row.ranMs / 3_600_000).toFixed(2)} h`,
    row.fingerprint.toString(16),
  ];
}

/** Never more than there were. */
function rounded(hours: number): string {
  return hours < 100 ? String(Math.floor(hours * 10) / 10) : String(Math.floor(hours));
}

function seconds(sorted: readonly number[]): string {
  return [0.5, 0.99].map((part) => (percentile(sorted, part) / 1_000).toFixed(2)).join("/");
}

/**
 * What is wrong with the rows: what must never be, whatever was measured. An empty list: nothing.
 *
 * @example
 * ```ts
 * for (const fault of accuracyFaults(rows)) console.log(fault);
 * ```
 */
export function accuracyFaults(rows: readonly AccuracyRow[]): readonly string[] {
  return rows.flatMap(({ plan, hours, noticed, falseEvictions }) => {
    const name = `${plan.servers} servers, ${plan.loss * 100} % loss`;
    const faults: string[] = [];
    if (falseEvictions > 0) faults.push(`${name}: ${falseEvictions} false evictions`);
    if (hours.unexplained > 0) faults.push(`${name}: ${hours.unexplained} unexplained suspicions`);
    for (const [kind, { unnoticed, hiddenMs, evictedMs }] of noticed) {
      if (unnoticed > 0) faults.push(`${name}: ${unnoticed} did not notice a ${kind}`);
      const { of, boundMs } = bounds[kind];
      const p99 = percentile(of === "hidden" ? hiddenMs : evictedMs, 0.99);
      if (plan.loss <= 0.01 && !(p99 <= boundMs)) {
        const what = `p99 until a ${kind} is ${of}`;
        faults.push(`${name}: ${what} is ${Math.round(p99)} ms, promised are ${boundMs}`);
      }
    }
    return faults;
  });
}

/**
 * By when a death is to be noticed, at a loss of 1 % and less: p99, in milliseconds. A crash is
 * noticed when its rooms are hidden and nobody is routed there; the eviction follows, and takes
 * longer where others must be asked whose view is late.
 */
const bounds: Readonly<
  Record<Death, { readonly of: "hidden" | "evicted"; readonly boundMs: number }>
> = {
  crash: { of: "hidden", boundMs: 1_000 },
  "stalled process": { of: "evicted", boundMs: 9_000 },
  "lost host": { of: "evicted", boundMs: 4_500 },
};
