/**
 * The explored cases of parts that do not reach each other: with a third between, in two parts that
 * meet again, and in `majority` mode.
 *
 * @module
 */

import { isPresent } from "../membership/membership.ts";
import { serverMachine } from "../server/step.ts";
import type { Exploration, Trouble } from "./branches.ts";
import { firewall } from "./case-faults.ts";
import { cluster, exploration, login, type Setting, wanted } from "./case-worlds.ts";
import { withHeartbeats } from "./small-events.ts";
import { block, unblock, unwall, wall } from "./small-faults.ts";
import type { SmallWorld } from "./small-world.ts";

const others = ["s2", "s3"];
const ids = ["s1", ...others];

const claims = (setting?: Setting): SmallWorld =>
  login(login(cluster(ids, setting), "s1", 901), "s2", 902);

/** Nobody is evicted whom a third server hears: it has a veto. */
function evictedThoughHeard({ servers }: SmallWorld): string | undefined {
  for (const [id, { membership }] of servers) {
    for (const member of membership.values()) {
      if (!isPresent(member)) return `I3: ${id} has evicted ${member.id}, which s3 hears`;
    }
  }
  return undefined;
}

function apart(name: string, change: typeof wall, back: typeof wall): Trouble {
  const all = (world: SmallWorld, one: typeof wall) =>
    others.reduce((current, other) => one(current, "s1", other), world);
  return {
    name,
    touches: ids,
    strike: (world) => all(world, change),
    next: { name: "the parts meet", isLate: true, strike: (world) => all(world, back) },
  };
}

/** The parts have met long ago: one has the name, and not both. */
function heldOnce(world: SmallWorld): string | undefined {
  const { servers, walls, holes } = world;
  if (walls.size + holes.size > 0) return undefined;
  const holders = [...servers].filter(([, { sessions }]) => sessions.has(wanted));
  return holders.length <= 1 ? undefined : `I1: held by ${holders.map(([id]) => id).join(" and ")}`;
}

/** In `majority` mode nobody is twice, not even for a moment and not among those cut off. */
function heldAnywhere({ servers, now }: SmallWorld): string | undefined {
  const holders = [...servers].filter(([, state]) => {
    // What is due by now is settled before anything else can be seen of it.
    const { sessions } = serverMachine.step(state, { type: "tick", at: now }).state;
    return sessions.has(wanted);
  });
  return holders.length <= 1 ? undefined : `I1: held by ${holders.map(([id]) => id).join(" and ")}`;
}

interface PartitionCase {
  readonly name: string;
  readonly exploration: Exploration;
  readonly isSmall: boolean;
}

/** The cases of parts. */
export function partitionCases(): PartitionCase[] {
  const wins = () => [0, Number.POSITIVE_INFINITY] as const;
  const between = exploration({
    start: cluster(ids),
    faults: [firewall("s1", "s2")],
    pauses: 6,
    wrong: evictedThoughHeard,
    wins,
  });
  // Too short for anybody to be late with an objection; the link through s3 may be.
  const { next: _, ...wallStays } = firewall("s1", "s2");
  const vetoed = { ...between, faults: [wallStays], pauses: 2, isTimely: false };
  const [refusing, mute] = ["dials between s1 and the others are refused", "s1 hears nobody"];
  const parts = exploration({
    start: claims(),
    faults: [apart(refusing, wall, unwall)],
    pauses: 6,
    wins,
    wrongEnd: heldOnce,
  });
  const majority = exploration({
    start: claims({ timing: withHeartbeats, partition: "majority" }),
    faults: [apart(mute, block, unblock)],
    pauses: 8,
    wins,
    wrong: heldAnywhere,
  });
  const twoClaims = "two claims of one identity";
  return [
    { name: "a firewall between two whom a third hears", exploration: between, isSmall: true },
    {
      name: "a firewall between two whom a third hears, and time passes at any point",
      exploration: vetoed,
      isSmall: false,
    },
    { name: `${twoClaims}; ${refusing}, the parts meet`, exploration: parts, isSmall: false },
    { name: `${twoClaims} in majority mode; ${mute}`, exploration: majority, isSmall: false },
  ];
}
