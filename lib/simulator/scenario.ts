/**
 * What a simulated run consists of: how many servers and users, and which faults strike when. All
 * of it follows from a seed, but it is plain data, so that a failing run can be made smaller and
 * kept as a script.
 *
 * @module
 */

import { failure, type Result, success } from "../base/result.ts";
import { Random } from "./random.ts";

/** What may go wrong. */
export type FaultKind =
  /** The process ends; a new one starts after `ms`, or never if that is 0. */
  | "crash"
  /** The same, and its host with it: nothing refuses a connection any longer. */
  | "lose-host"
  /** The process stands still. */
  | "pause"
  /** Nothing passes between the hosts of `on` and those of `to`. */
  | "cut"
  /** Nothing passes from the hosts of `on` to those of `to`, but back. */
  | "cut-one-way"
  /** As a cut, but connections end at once and dials are refused: it looks like a crash. */
  | "firewall"
  /** As a cut, but too short to be noticed. */
  | "stall"
  /** The connections between the hosts of `on` and `to` end. */
  | "break"
  /** Everything between the hosts of `on` and `to` takes up to `ms` / 20 longer. */
  | "slow"
  /** Timers of the process are late. */
  | "late-timers"
  /** The wall clock of the host jumps by `ms` × 1,000, forwards if the number is even. */
  | "clock-jump"
  /** A new server introduces itself to the one in `to`. */
  | "join"
  /** The server leaves. */
  | "drain"
  /** Nobody gets a ticket. */
  | "auth-down"
  /** A user reads nothing. */
  | "slow-reader"
  /** The connection of a user breaks. */
  | "lose-client"
  /** A peer with a certificate of its own says what is not its to say. */
  | "lying-peer";

/** One fault: what, when, for how long, and whom it strikes. */
export interface Fault {
  readonly kind: FaultKind;
  readonly at: number;
  readonly ms: number;
  readonly on: readonly string[];
  readonly to: readonly string[];
}

/** One run. */
export interface Scenario {
  readonly seed: number;
  readonly partition: "available" | "majority";
  readonly servers: number;
  readonly users: number;
  /** How long faults may strike; then everything heals. */
  readonly chaosMs: number;
  /** Whether the servers' clocks run at different speeds. */
  readonly drifts: boolean;
  readonly faults: readonly Fault[];
}

/** When the first fault may strike: the servers have found each other by then. */
export const calmMs: number = 2_000;

/** The scenario of a seed; what is given in `change` is not left to the seed. */
export function scenarioOf(seed: number, change: Partial<Scenario> = {}): Scenario {
  const random = new Random(seed, "scenario");
  const servers = Number(random.weighted({ 3: 56, 4: 20, 5: 16, 7: 6, 9: 2 }));
  const users = random.between(4, 6 + 2 * servers);
  const chaosMs = random.between(6, 16) * 1_000;
  const partition = random.chance(0.25) ? "majority" : "available";
  const drifts = random.chance(0.3);
  const given = { seed, partition, servers, users, chaosMs, drifts, ...change } as const;
  return { ...given, faults: change.faults ?? faultsOf(random, given) };
}

const weights: Readonly<Record<FaultKind | "partition" | "swizzle" | "herd", number>> = {
  crash: 14,
  "lose-host": 6,
  pause: 14,
  cut: 10,
  "cut-one-way": 8,
  firewall: 6,
  stall: 6,
  break: 10,
  slow: 5,
  "late-timers": 3,
  "clock-jump": 4,
  join: 8,
  drain: 7,
  "auth-down": 3,
  "slow-reader": 2,
  "lose-client": 5,
  "lying-peer": 5,
  partition: 8,
  swizzle: 4,
  herd: 2,
};

function faultsOf(random: Random, scenario: Omit<Scenario, "faults">): Fault[] {
  const faults: Fault[] = [];
  const count = random.between(0, 7);
  for (let number = 0; number < count; number++) {
    const at = calmMs + random.below(scenario.chaosMs - calmMs);
    const drafted = draftFault(random, scenario, { at, number });
    faults.push(...drafted);
    // A way that closes may take its connections along: then only dials can tell what is there.
    const [first] = drafted;
    if (first?.kind.startsWith("cut") && random.chance(0.3)) {
      faults.push({ ...first, kind: "break", at: first.at - 5, ms: 0 });
    }
  }
  return faults.sort((one, other) => one.at - other.at);
}

function draftFault(
  random: Random,
  { servers, users }: Pick<Scenario, "servers" | "users">,
  { at, number }: { readonly at: number; readonly number: number },
): Fault[] {
  const ids = Array.from({ length: servers }, (_, index) => `s${index + 1}`);
  const kind = random.weighted(weights);
  const [one = "s1", other = "s2"] = random.sample(ids, 2);
  const user = `u${random.between(1, users)}`;
  const ms = random.pick([300, 700, 1_300, 1_800, 2_600, 4_300, 5_500, 8_800, 11_000]);
  const fault = { at, ms, on: [one], to: [other] };
  switch (kind) {
    case "crash":
    case "lose-host":
      return [{ ...fault, kind, ms: random.chance(0.25) ? 0 : ms, to: [] }];
    case "stall":
      return [{ ...fault, kind, ms: random.between(100, 1_300) }];
    case "break":
      return [{ ...fault, kind, ms: 0 }];
    case "join":
      return [{ ...fault, kind, ms: 0, on: [`n${number + 1}`], to: [one] }];
    case "herd":
      return [1, 2, 3].map((each) => {
        const on = [`n${number + 1}${each}`];
        return { ...fault, kind: "join", at: at + random.below(60), ms: 0, on, to: [one] };
      });
    case "slow-reader":
    case "lose-client":
      return [{ ...fault, kind, on: [user], to: [] }];
    case "auth-down":
      return [{ ...fault, kind, on: [], to: [] }];
    case "partition": {
      const on = random.sample(ids, random.between(1, Math.max(1, servers - 1)));
      const to = ids.filter((id) => !on.includes(id));
      return [{ ...fault, kind: random.chance(0.75) ? "cut" : "cut-one-way", on, to }];
    }
    case "swizzle":
      return swizzle(random, { ...fault, kind: "cut" }, ids);
    case "cut":
    case "cut-one-way":
    case "firewall":
    case "slow":
    case "clock-jump":
      return [{ ...fault, kind }];
    default:
      return [{ ...fault, kind, to: [] }];
  }
}

/** Server after server is cut off from all others, and they come back in another order. */
function swizzle(random: Random, fault: Fault, ids: readonly string[]): Fault[] {
  const struck = random.sample(ids, random.between(2, ids.length));
  return struck.map((id, index) => ({
    ...fault,
    at: fault.at + 200 * index,
    ms: random.between(500, 6_000),
    on: [id],
    to: ids.filter((other) => other !== id),
  }));
}

/** A scenario as a script that a person can read and change; {@link parseScenario} reads it. */
export function formatScenario(scenario: Scenario): string {
  const { seed, partition, servers, users, chaosMs, drifts, faults } = scenario;
  const head =
    `seed ${seed} ${partition} servers ${servers} users ${users} chaos ${chaosMs}` +
    `${drifts ? " drifts" : ""}`;
  const lines = faults.map(({ kind, at, ms, on, to }) => {
    const target = to.length === 0 ? "" : ` | ${to.join(",")}`;
    return `at ${at} ${kind} ${on.length === 0 ? "-" : on.join(",")}${target} for ${ms}`;
  });
  return `${[head, ...lines].join("\n")}\n`;
}

const headLine =
  /^seed (-?\d+) (available|majority) servers (\d+) users (\d+) chaos (\d+)( drifts)?$/;
const faultLine = /^at (\d+) ([a-z-]+) (\S+)(?: \| (\S+))? for (\d+)$/;

/**
 * Reads what {@link formatScenario} wrote; empty lines and lines that begin with `#` are skipped.
 *
 * @example
 * ```ts
 * const read = parseScenario("seed 7 available servers 3 users 4 chaos 9000\n");
 * if (read.ok) console.log(simulate(read.value).failure);
 * ```
 */
export function parseScenario(text: string): Result<Scenario, string> {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const [first = "", ...rest] = lines;
  const head = headLine.exec(first.trim());
  if (head === null) return failure(`"${first}" is not the first line of a scenario`);
  const [, seed, partition, servers, users, chaosMs, drifts] = head;
  const faults: Fault[] = [];
  for (const line of rest) {
    const [, at, kind, on = "", to = "", ms] = faultLine.exec(line.trim()) ?? [];
    if (kind === undefined || !(kind in weights)) return failure(`"${line}" is not a fault`);
    faults.push({
      kind: kind as FaultKind,
      at: Number(at),
      ms: Number(ms),
      on: on === "-" ? [] : on.split(","),
      to: to === "" ? [] : to.split(","),
    });
  }
  return success({
    seed: Number(seed),
    partition: partition as Scenario["partition"],
    servers: Number(servers),
    users: Number(users),
    chaosMs: Number(chaosMs),
    drifts: drifts !== undefined,
    faults,
  });
}
