/**
 * Every order of events in small cases, with the real server: two users who want one name, and one
 * fault at every possible point. A case that is too large for the suite is followed up to a number
 * of states, which is said; `EXPLORE_STATES=1000000 npm test -- exploration` goes on.
 *
 * @module
 */

import process from "node:process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Identity, RoomId } from "../lib/base/ids.ts";
import {
  crash,
  cut,
  type Exploration,
  emptyWorld,
  explore,
  type SmallWorld,
  say,
  settle,
  start,
} from "../lib/simulator/mod.ts";

const statesMax = Number(process.env["EXPLORE_STATES"] ?? 4_000);
const exploration = suite("exploration");
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
  statesMax,
  ...change,
});

function follow(name: string, wanted: Exploration): ReturnType<typeof explore> {
  const found = explore(wanted);
  const { states, edges, ends, complete, failure } = found;
  const how = complete ? "all of them" : "more were left";
  console.log(`  ${name}: ${states} states, ${edges} edges, ${ends} ends; ${how}`);
  const detail = failure && `${failure.detail}\n${failure.path.join("\n")}`;
  assert.is(detail, undefined);
  return found;
}

const claimants = (): SmallWorld => login(login(threeServers(), "s1", 1, "u1"), "s2", 2, "u2");

exploration("two claims of one identity: exactly one wins, in every order", () => {
  assert.ok(follow("no fault", everything({ start: claimants() })).complete);
});

exploration("three claims of one identity, one of them on the same server", () => {
  const begun = login(claimants(), "s1", 3, "u3");
  follow("no fault", everything({ start: begun, wrongEnd: oneWinner("newidentity", 3) }));
});

exploration("two claims of one room: exactly one wins, in every order", () => {
  let world = threeServers();
  for (const [server, client] of [
    ["s1", 1],
    ["s2", 2],
  ] as const) {
    const identity = `user${client}`;
    const ticket = `${identity}/${identity}`;
    world = settle(say(world, server, client, { type: "newidentity", identity, ticket }));
  }
  for (const [server, client] of [
    ["s1", 1],
    ["s2", 2],
  ] as const) {
    world = say(world, server, client, { type: "createroom", roomid: "jokes" });
  }
  const wrongEnd = oneWinner("createroom", 2);
  assert.ok(follow("no fault", everything({ start: world, wrongEnd })).complete);
});

const faults: Readonly<Record<string, (world: SmallWorld) => SmallWorld>> = {
  "the voter s3 crashes": (world) => crash(world, "s3"),
  "the asker s1 crashes": (world) => crash(world, "s1"),
  "the link of the askers breaks": (world) => cut(world, "s1", "s2"),
  "the link to the voter breaks": (world) => cut(world, "s1", "s3"),
  "s4 joins through s3": (world) => start(world, "s4", ["s3"], true),
};

for (const [name, strike] of Object.entries(faults)) {
  exploration(`two claims of one identity, and at any point: ${name}`, () => {
    follow(name, everything({ start: claimants(), faults: { [name]: strike }, pauses: 1 }));
  });
}

exploration("a move under way, and somebody who wants the name, in every order", () => {
  let world = settle(login(threeServers(), "s1", 1, "u1"));
  world = say(world, "s1", 1, { type: "join", roomid: "MainHall-s2" });
  world = login(world, "s3", 2, "u2");
  const wrongEnd = (end: SmallWorld): string | undefined => {
    const [first, second] = decisions(end, "newidentity");
    return first === "true" && second === "false" ? undefined : `decided: ${first} ${second}`;
  };
  assert.ok(follow("no fault", everything({ start: world, wrongEnd })).complete);
});

exploration("what is broken is found, and told as a path", () => {
  const { failure } = explore(everything({ start: claimants(), wrongEnd: () => "an end" }));
  assert.is(failure?.detail, "an end");
  assert.ok((failure?.path.length ?? 0) > 10);
});

exploration.run();
