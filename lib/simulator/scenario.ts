/**
 * What a simulated run consists of: how many servers and users, and which faults strike when. All
 * of it follows from a seed, but it is plain data, so that a failing run can be made smaller and
 * kept as a script.
 *
 * @module
 */

import { failure, type Result, success } from "../base/result.ts";
import { faultsOf } from "./fault-draft.ts";
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
  /** A client asks for much and reads nothing, some before they log in. */
  | "never-reads"
  /** An admin ends all sessions of a user. */
  | "disconnect"
  /** An admin removes a server that is gone for good. */
  | "remove"
  /** A peer with a certificate of its own says what is not its to say. */
  | "lying-peer"
  /** A client, a member or a stranger sends what is no line, or no message. */
  | "malformed";

/** Every kind of fault, each once. */
export const faultKinds: readonly FaultKind[] = [
  "crash",
  "lose-host",
  "pause",
  "cut",
  "cut-one-way",
  "firewall",
  "stall",
  "break",
  "slow",
  "late-timers",
  "clock-jump",
  "join",
  "drain",
  "remove",
  "auth-down",
  "slow-reader",
  "never-reads",
  "lose-client",
  "disconnect",
  "lying-peer",
  "malformed",
];

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

/** The scenario of a seed; what is given in `change` is not left to the seed. */
export function scenarioOf(seed: number, change: Partial<Scenario> = {}): Scenario {
  const random = new Random(seed, "scenario");
  const servers = Number(random.weighted({ 3: 56, 4: 20, 5: 16, 7: 6, 9: 2 }));
  const isCrowded = random.chance(0.08);
  const users = isCrowded ? random.between(20, 40) : random.between(4, 6 + 2 * servers);
  const chaosMs = random.between(6, 16) * 1_000;
  const partition = random.chance(0.35) ? "majority" : "available";
  const drifts = random.chance(0.3);
  const given = { seed, partition, servers, users, chaosMs, drifts, ...change } as const;
  return { ...given, faults: change.faults ?? faultsOf(random, given) };
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
    const known = faultKinds.find((each) => each === kind);
    if (known === undefined) return failure(`"${line}" is not a fault`);
    faults.push({
      kind: known,
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
