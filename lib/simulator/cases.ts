/**
 * The cases that are explored: two users who want one name, a move under way, parts that meet; with
 * every order of events and one fault at every possible point. What comes after a fault – a process
 * is started again or goes on, a way is open again – comes when all has arrived that can.
 *
 * @module
 */

import type { Exploration, Trouble } from "./branches.ts";
import {
  comesBack,
  crashes,
  falls,
  joins,
  leaves,
  linkBreaks,
  standsStill,
} from "./case-faults.ts";
import { moveCases } from "./case-moves.ts";
import { partitionCases } from "./case-partitions.ts";
import { cluster, exploration, login, roomWanted, type Setting, type Wish } from "./case-worlds.ts";
import { start, withHeartbeats } from "./small-events.ts";
import type { SmallWorld } from "./small-world.ts";

/** One case, and whether it is small enough to be followed to its end in a moment. */
export interface Case {
  readonly name: string;
  readonly exploration: Exploration;
  readonly isSmall: boolean;
}

const ids = ["s1", "s2", "s3"];

/** How often time may pass: for a crash to be noticed, an eviction, and what comes after it. */
const pauses = 6;

const twoLogins = (world: SmallWorld): SmallWorld => login(login(world, "s1", 901), "s2", 902);

const twoRooms = (world: SmallWorld): SmallWorld =>
  roomWanted(world, [
    ["s1", 901],
    ["s2", 902],
  ]);

/** The faults of two claims, by the asker s1 and by the voter s3; and how fast time goes. */
function faultsOfClaims(): readonly [Trouble, Setting?][] {
  const beating = { timing: withHeartbeats };
  const others = (id: string) => ids.filter((other) => other !== id);
  return [
    [crashes("s3")],
    [crashes("s1")],
    [comesBack("s3", others("s3"))],
    [comesBack("s1", others("s1"))],
    [linkBreaks("s1", "s2")],
    [linkBreaks("s1", "s3")],
    [joins("s4", "s3")],
    [leaves("s3")],
    [leaves("s1")],
    [standsStill("s3"), beating],
    [standsStill("s1"), beating],
    [falls("s1", "s2"), beating],
    [falls("s1", "s3"), beating],
  ];
}

const smallFaults = new Set(["s3 crashes", "s1 crashes", "s3 is told to leave"]);

function casesWithFaults(): Case[] {
  return faultsOfClaims().flatMap(([fault, setting]) => {
    const world = cluster(ids, setting);
    const faults = [fault];
    const isSmall = smallFaults.has(fault.name) && fault.next === undefined;
    const title = fault.next === undefined ? fault.name : `${fault.name}, ${fault.next.name}`;
    const wishes: [string, Wish][] = [
      ["identity", { start: twoLogins(world), faults, pauses }],
      ["room", { start: twoRooms(world), wish: "createroom", faults, pauses }],
    ];
    return wishes.map(([what, wish]) => ({
      name: `two claims of one ${what}; ${title}`,
      exploration: exploration(wish),
      isSmall,
    }));
  });
}

/** Claims without faults. */
function quietCases(): Case[] {
  const world = cluster(ids);
  const four = cluster([...ids, "s4"]);
  const clients = { 901: "903", 903: "901", u901: "u903", u903: "u901" };
  const wishes: [string, Wish][] = [
    ["two claims of one identity", { start: twoLogins(world) }],
    ["two claims of one room", { start: twoRooms(world), wish: "createroom" }],
    [
      "two claims of one identity, the clock of s1 ahead",
      { start: twoLogins(cluster(ids, { ahead: { s1: 50_000 } })) },
    ],
    [
      "three claims of one identity, two of them on s1",
      { start: login(twoLogins(world), "s1", 903), swaps: [clients] },
    ],
    ["two claims of one identity among four servers", { start: twoLogins(four) }],
  ];
  return wishes.map(([name, wish]) => ({ name, exploration: exploration(wish), isSmall: true }));
}

/** Claims while others are on their way into the cluster. */
function joinCases(): Case[] {
  const two = twoLogins(cluster(["s1", "s2"]));
  const faults = [joins("s3", "s2")];
  const coming = start(cluster(["s1"]), "s2", { contacts: ["s1"], mustJoin: true });
  const both = start(coming, "s3", { contacts: ["s2"], mustJoin: true });
  const claims = login(login(both, "s1", 901), "s3", 902);
  const wishes: [string, Wish][] = [
    ["two claims of one identity on two servers; s3 joins", { start: two, faults, pauses }],
    ["s3 joins through s2, which is joining; a claim on s1 and on s3", { start: claims, pauses }],
  ];
  return wishes.map(([name, wish]) => ({ name, exploration: exploration(wish), isSmall: false }));
}

/**
 * Time may pass although something is on its way: leases and claims end early, answers are late.
 */
function lateCases(): Case[] {
  const world = cluster(ids);
  const wish = { pauses: 2, isTimely: false, wins: () => [0, 1] as const };
  const name = "two claims of one identity, and time passes at any point";
  const late = exploration({ ...wish, start: twoLogins(world) });
  return [{ name, exploration: late, isSmall: false }];
}

/**
 * All cases.
 *
 * @example
 * ```ts
 * for (const { name, exploration } of explorationCases()) console.log(name, explore(exploration));
 * ```
 */
export function explorationCases(): Case[] {
  return [
    ...quietCases(),
    ...moveCases(),
    ...partitionCases(),
    ...casesWithFaults(),
    ...joinCases(),
    ...lateCases(),
  ];
}
