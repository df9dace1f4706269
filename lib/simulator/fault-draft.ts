/**
 * Which faults a seed lets strike: single ones, small plots of faults that belong together, and
 * companions, which disturb nobody much by themselves but meet what goes on meanwhile.
 *
 * @module
 */

import type { Random } from "./random.ts";
import type { Fault, FaultKind, Scenario } from "./scenario.ts";

/** When the first fault may strike: the servers have found each other by then. */
export const calmMs: number = 2_000;

/** Faults that come together because together they once were, or could be, too much. */
type Plot =
  | "partition"
  | "swizzle"
  | "herd"
  | "blackout"
  | "kill-and-join"
  | "drain-and-death"
  | "both-ends"
  | "flapping"
  | "twins"
  | "forgotten"
  | "long-parts"
  | "asleep"
  | "crash-loop";

const plots: Readonly<Record<Plot, number>> = {
  partition: 8,
  swizzle: 4,
  herd: 2,
  blackout: 2,
  "kill-and-join": 4,
  "drain-and-death": 5,
  "both-ends": 4,
  flapping: 4,
  twins: 6,
  forgotten: 8,
  "long-parts": 10,
  asleep: 8,
  "crash-loop": 7,
};

const singles: Readonly<Record<Exclude<FaultKind, "remove">, number>> = {
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
  "never-reads": 2,
  "lose-client": 5,
  disconnect: 2,
  "lying-peer": 5,
  malformed: 5,
};

/** What disturbs no server for long, so that it can accompany everything else. */
const companions: readonly FaultKind[] = [
  "stall",
  "break",
  "slow",
  "late-timers",
  "clock-jump",
  "auth-down",
  "slow-reader",
  "never-reads",
  "lose-client",
  "disconnect",
  "lying-peer",
  "malformed",
];

const durations = [300, 700, 1_300, 1_800, 2_600, 4_300, 5_500, 8_800, 11_000];

/** What the faults of one draft have in common. */
interface Draft {
  readonly random: Random;
  readonly ids: readonly string[];
  readonly users: number;
  readonly number: number;
  readonly at: number;
}

/** All faults of a seed, in the order in which they strike. */
export function faultsOf(random: Random, scenario: Omit<Scenario, "faults">): Fault[] {
  const { servers, users, chaosMs } = scenario;
  const ids = Array.from({ length: servers }, (_, index) => `s${index + 1}`);
  const faults: Fault[] = [];
  const count = random.between(0, 7);
  const isAccompanied = random.chance(0.55);
  for (let number = 0; number < count; number++) {
    const at = calmMs + random.below(chaosMs - calmMs);
    const draft = { random, ids, users, number, at };
    const kind = random.weighted({ ...singles, ...plots });
    const drafted = kind in plots ? plot(draft, kind as Plot) : single(draft, kind as FaultKind);
    faults.push(...drafted);
    // A way that closes may take its connections along: then only dials can tell what is there.
    const [first] = drafted;
    if (first?.kind.startsWith("cut") && random.chance(0.3)) {
      faults.push({ ...first, kind: "break", at: first.at - 5, ms: 0 });
    }
    for (let left = isAccompanied ? random.below(4) : 0; left > 0; left--) {
      const lateMs = random.between(0, random.chance(0.5) ? 1_500 : 8_000);
      faults.push(...single({ ...draft, at: at + lateMs }, random.pick(companions)));
    }
  }
  return faults.filter(({ at }) => at < chaosMs).sort((one, other) => one.at - other.at);
}

function single({ random, ids, users, number, at }: Draft, kind: FaultKind): Fault[] {
  const [one = "s1", other = "s2"] = random.sample(ids, 2);
  const user = `u${random.between(1, users)}`;
  const ms = random.pick(durations);
  const fault = { kind, at, ms, on: [one], to: [other] };
  switch (kind) {
    case "crash":
    case "lose-host":
      return [{ ...fault, ms: downMs(random, ms), to: [] }];
    case "stall":
      return [{ ...fault, ms: random.between(100, 1_300) }];
    case "break":
      return [{ ...fault, ms: 0 }];
    case "join":
      return [{ ...fault, ms: 0, on: [`n${number + 1}`], to: [one] }];
    case "never-reads":
      return [{ ...fault, on: [`m${number + 1}`], to: [one] }];
    case "slow-reader":
    case "lose-client":
      return [{ ...fault, on: [user], to: [] }];
    case "disconnect":
      return [{ ...fault, ms: 0, on: [user], to: [one] }];
    case "auth-down":
      return [{ ...fault, on: [], to: [] }];
    case "cut":
    case "cut-one-way":
    case "firewall":
    case "slow":
      return [fault];
    case "clock-jump":
      return [{ ...fault, ms: fault.ms + (number % 2) }];
    default:
      return [{ ...fault, to: [] }];
  }
}

/** For good, for the time it takes to start a process again, or for longer. */
function downMs(random: Random, ms: number): number {
  const share = random.fraction();
  if (share < 0.25) return 0;
  return share < 0.45 ? random.between(20, 250) : ms;
}

function plot(draft: Draft, kind: Plot): Fault[] {
  const { random, ids, number, at } = draft;
  const [one = "s1", other = "s2"] = random.sample(ids, 2);
  const ms = random.pick(durations);
  const newcomer = `n${number + 1}`;
  const join: Fault = { kind: "join", at, ms: 0, on: [newcomer], to: [other] };
  switch (kind) {
    case "herd":
      return [1, 2, 3].map((each) => {
        return { ...join, at: at + random.below(60), on: [`${newcomer}${each}`], to: [one] };
      });
    case "partition": {
      const on = random.sample(ids, random.between(1, Math.max(1, ids.length - 1)));
      const to = ids.filter((id) => !on.includes(id));
      return [{ kind: random.chance(0.75) ? "cut" : "cut-one-way", at, ms, on, to }];
    }
    case "swizzle":
      return swizzle(draft);
    case "blackout":
      return ids.map((id) => ({
        ...{ kind: "crash", at: at + random.below(50), on: [id], to: [] },
        ms: random.between(200, 4_000),
      }));
    case "kill-and-join":
      return [{ kind: killer(random), at, ms: 0, on: [one], to: [] }, join];
    case "drain-and-death":
      return drainAndDeath(draft, [one, other]);
    case "both-ends":
      return [one, other].map((id) => {
        return { kind: "pause", at, ms: random.pick(durations), on: [id], to: [] };
      });
    case "flapping":
      return flapping(draft, [one, other]);
    case "twins":
      return [random.weighted(singles), random.weighted(singles)].flatMap((each) =>
        single(draft, each),
      );
    default:
      return longPlot(draft, kind, [one, other]);
  }
}

/** Plots that take their time, so they begin early. */
function longPlot(
  { random, ids }: Draft,
  kind: "forgotten" | "long-parts" | "asleep" | "crash-loop",
  [one, other]: readonly [string, string],
): Fault[] {
  const at = calmMs + random.below(1_500);
  switch (kind) {
    case "forgotten": {
      // An admin gives up a server that is gone for good.
      const later = at + random.between(1_200, 6_500);
      const remove: Fault = { kind: "remove", at: later, ms: 0, on: [one], to: [other] };
      return [{ kind: killer(random), at, ms: 0, on: [one], to: [] }, remove];
    }
    case "long-parts": {
      const on = random.sample(ids, random.between(1, Math.max(1, ids.length - 1)));
      const to = ids.filter((id) => !on.includes(id));
      return [{ kind: "cut", at, ms: random.between(5_500, 9_500), on, to }];
    }
    case "asleep":
      return [{ kind: "pause", at, ms: random.between(6_200, 11_000), on: [one], to: [] }];
    case "crash-loop":
      return [0, 1, 2, 3].map((round) => ({
        ...{ kind: random.chance(0.2) ? "crash" : "lose-host", on: [one], to: [] },
        at: at + 1_000 * round + random.below(500),
        ms: random.between(20, 400),
      }));
  }
}

function killer(random: Random): FaultKind {
  return random.chance(0.5) ? "crash" : "lose-host";
}

/** Server after server is cut off from all others, and they come back in another order. */
function swizzle({ random, ids, at }: Draft): Fault[] {
  const struck = random.sample(ids, random.between(2, ids.length));
  return struck.map((id, index) => ({
    kind: "cut",
    at: at + 200 * index,
    ms: random.between(500, 6_000),
    on: [id],
    to: ids.filter((other) => other !== id),
  }));
}

/** Where the users of a leaving server are sent, something happens just then. */
function drainAndDeath({ random, at }: Draft, [one, other]: readonly string[]): Fault[] {
  const kind = random.pick<FaultKind>(["crash", "lose-host", "pause", "drain"]);
  const ms = random.pick(durations);
  const later = at + random.pick([0, 2, 10, 60, 300, 1_000]);
  return [
    { kind: "drain", at, ms: 0, on: [one as string], to: [] },
    { kind, at: later, ms, on: [other as string], to: [] },
  ];
}

/** One way fails and comes back, again and again. */
function flapping({ random, at }: Draft, [one, other]: readonly string[]): Fault[] {
  const faults: Fault[] = [];
  const kind = random.pick<FaultKind>(["cut", "cut-one-way", "firewall", "break"]);
  let next = at;
  for (let left = random.between(3, 6); left > 0; left--) {
    const ms = random.between(100, 2_200);
    faults.push({ kind, at: next, ms, on: [one as string], to: [other as string] });
    next += ms + random.between(50, 1_500);
  }
  return faults;
}
