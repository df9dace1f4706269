/**
 * The small cases that are explored: two users who want one name, a move under way, a firewall; with
 * every order of events and one fault at every possible point.
 *
 * @module
 */

import type { Identity, RoomId } from "../base/ids.ts";
import type { Exploration } from "./explore.ts";
import {
  crash,
  cut,
  emptyWorld,
  type SmallWorld,
  say,
  settle,
  start,
  wall,
} from "./small-world.ts";

const ids = ["s1", "s2", "s3"];
const ann = "ann" as Identity;

/** Three servers that have found each other, some time ago. */
function threeServers(): SmallWorld {
  let world = emptyWorld;
  for (const id of ids) {
    world = start(
      world,
      id,
      ids.filter((other) => other !== id),
    );
  }
  const settled = settle(world);
  return { ...settled, now: settled.now + 5_000 };
}

const login = (world: SmallWorld, server: string, client: number, username: string) =>
  say(world, server, client, {
    type: "newidentity",
    identity: ann,
    ticket: `${ann}/${username}`,
  });

/** At most one server has ann, but for a mover, whom both ends know; and one has the room. */
function twoHolders({ servers }: SmallWorld): string | undefined {
  const holders = [...servers].filter(([, { sessions }]) => {
    const session = sessions.get(ann);
    return session !== undefined && session.move === undefined;
  });
  const owners = [...servers].filter(([, { rooms }]) => rooms.has("jokes" as RoomId));
  for (const group of [holders, owners]) {
    if (group.length > 1) return `held by ${group.map(([id]) => id).join(" and ")}`;
  }
  return undefined;
}

/** How each client's request was decided. */
function decisions({ heard }: SmallWorld, type: "newidentity" | "createroom"): string[] {
  return [...heard.values()].flatMap((lines) =>
    lines.flatMap((line) => (line.type === type ? [line.approved] : [])),
  );
}

/** Without a fault everybody has an answer and exactly one has won; with one, never two. */
const oneWinner =
  (type: "newidentity" | "createroom", claimants: number) =>
  (world: SmallWorld, struck: string | undefined): string | undefined => {
    const decided = decisions(world, type);
    const won = decided.filter((approved) => approved === "true").length;
    if (decided.length > claimants) return `${decided.length} answers to ${claimants} requests`;
    if (struck === undefined && decided.length < claimants) return "somebody has no answer";
    const fits = struck === undefined ? won === 1 : won <= 1;
    return fits ? undefined : `${won} have won: ${decided.join(" ")}`;
  };

const everything = (change: Partial<Exploration> & Pick<Exploration, "start">): Exploration => ({
  faults: {},
  pauses: 0,
  wrong: twoHolders,
  wrongEnd: oneWinner("newidentity", 2),
  ...change,
});

const claimants = (): SmallWorld => login(login(threeServers(), "s1", 1, "u1"), "s2", 2, "u2");

const faults: Readonly<Record<string, (world: SmallWorld) => SmallWorld>> = {
  "the voter s3 crashes": (world) => crash(world, "s3"),
  "the asker s1 crashes": (world) => crash(world, "s1"),
  "the link of the askers breaks": (world) => cut(world, "s1", "s2"),
  "the link to the voter breaks": (world) => cut(world, "s1", "s3"),
  "s4 joins through s3": (world) => start(world, "s4", ["s3"], true),
};

function twoRooms(): Exploration {
  let world = threeServers();
  const asking = [
    ["s1", 1],
    ["s2", 2],
  ] as const;
  for (const [server, client] of asking) {
    const identity = `user${client}`;
    const ticket = `${identity}/${identity}`;
    world = settle(say(world, server, client, { type: "newidentity", identity, ticket }));
  }
  for (const [server, client] of asking) {
    world = say(world, server, client, { type: "createroom", roomid: "jokes" });
  }
  return everything({ start: world, wrongEnd: oneWinner("createroom", 2) });
}

function moverAndClaimant(): Exploration {
  let world = settle(login(threeServers(), "s1", 1, "u1"));
  world = say(world, "s1", 1, { type: "join", roomid: "MainHall-s2" });
  world = login(world, "s3", 2, "u2");
  const wrongEnd = (end: SmallWorld): string | undefined => {
    const [first, second] = decisions(end, "newidentity");
    return first === "true" && second === "false" ? undefined : `decided: ${first} ${second}`;
  };
  return everything({ start: world, wrongEnd });
}

/** Nobody is evicted whom a third server hears: it has a veto. */
function evictedThoughHeard({ servers }: SmallWorld): string | undefined {
  for (const [id, { membership }] of servers) {
    for (const member of membership.values()) {
      if (member.status === "dead") return `${id} has evicted ${member.id}, which s3 hears`;
    }
  }
  return undefined;
}

/** One case, and whether it is small enough to be followed to its end. */
export interface Case {
  readonly name: string;
  readonly exploration: Exploration;
  readonly isSmall: boolean;
}

/** All cases. */
export function explorationCases(): Case[] {
  const small = (name: string, exploration: Exploration) => ({ name, exploration, isSmall: true });
  const large = (name: string, exploration: Exploration) => ({ name, exploration, isSmall: false });
  const three = everything({
    start: login(claimants(), "s1", 3, "u3"),
    wrongEnd: oneWinner("newidentity", 3),
  });
  const walled = everything({
    start: threeServers(),
    faults: { "a firewall between s1 and s2": (world) => wall(world, "s1", "s2") },
    pauses: 6,
    isTimely: true,
    wrong: evictedThoughHeard,
    wrongEnd: () => undefined,
  });
  return [
    small("two claims of one identity", everything({ start: claimants() })),
    small("two claims of one room", twoRooms()),
    small("a move under way, and somebody who wants the name", moverAndClaimant()),
    small("a firewall between two whom a third hears", walled),
    large("three claims of one identity, two of them on one server", three),
    ...Object.entries(faults).map(([name, strike]) =>
      large(
        `two claims of one identity, and ${name}`,
        everything({ start: claimants(), faults: { [name]: strike }, pauses: 1 }),
      ),
    ),
  ];
}
