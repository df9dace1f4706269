/**
 * The explored cases of a move: a user of s1 joins the main hall of s2 and follows its route, while
 * somebody on s3 wants the name.
 *
 * @module
 */

import type { Exploration, Trouble } from "./branches.ts";
import { comesBack, crashes, leaves, linkBreaks, standsStill } from "./case-faults.ts";
import { cluster, exploration, login, type Setting, wanted } from "./case-worlds.ts";
import { settle, withHeartbeats } from "./small-events.ts";
import { say } from "./small-network.ts";
import type { SmallWorld } from "./small-world.ts";

function moverAndClaimant(setting?: Setting): SmallWorld {
  const world = settle(login(cluster(["s1", "s2", "s3"], setting), "s1", 901));
  const moving = say(world, "s1", 901, { type: "join", roomid: "MainHall-s2" });
  return login(moving, "s3", 902);
}

/** Something that the mover says on its old connection: it wants to stay, or goes. */
function says(type: "list" | "quit"): Trouble {
  return {
    name: `the mover says ${type} to s1`,
    touches: ["s1"],
    strike: (world) => say(world, "s1", 901, { type }),
  };
}

/** Nobody has lost or gained the name. */
function heldByOne({ servers }: SmallWorld): string | undefined {
  const holders = [...servers].filter(([, { sessions }]) => sessions.has(wanted));
  return holders.length === 1 ? undefined : `I5: held by ${holders.length} servers`;
}

interface MoveCase {
  readonly name: string;
  readonly exploration: Exploration;
  readonly isSmall: boolean;
}

/** The cases of a move. */
export function moveCases(): MoveCase[] {
  const name = "a move under way, and a claim of the name";
  const beating = { timing: withHeartbeats };
  const kept = () => [0, 0] as const;
  const isKept = new Set<string | undefined>([undefined, says("list").name, "s3 crashes"]);
  const wins = (struck: string | undefined) => (isKept.has(struck) ? kept() : ([0, 1] as const));
  const wrongEnd = (world: SmallWorld, struck: string | undefined) =>
    isKept.has(struck) ? heldByOne(world) : undefined;
  const faults: readonly [Trouble, Setting?][] = [
    [says("list")],
    [says("quit")],
    [crashes("s1")],
    [crashes("s2")],
    [comesBack("s1", ["s2", "s3"])],
    [comesBack("s2", ["s1", "s3"])],
    [linkBreaks("s1", "s2")],
    [leaves("s1")],
    [leaves("s2")],
    [standsStill("s1"), beating],
    [standsStill("s2"), beating],
  ];
  const quiet = exploration({ start: moverAndClaimant(), wins, wrongEnd });
  return [
    { name, exploration: quiet, isSmall: true },
    ...faults.map(([fault, setting]) => ({
      name: `${name}; ${fault.name}${fault.next === undefined ? "" : `, ${fault.next.name}`}`,
      exploration: exploration({
        start: moverAndClaimant(setting),
        faults: [fault],
        pauses: 6,
        wins,
        wrongEnd,
      }),
      isSmall: fault.name.startsWith("the mover"),
    })),
  ];
}
