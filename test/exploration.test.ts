/**
 * Every order of events in small cases, with the real server, and one fault at every possible
 * point. Small cases are followed to their end; the others up to a number of states, and it is
 * said if more were left: `EXPLORE_STATES=1000000 npm test -- exploration` goes on.
 *
 * @module
 */

import process from "node:process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Identity, RoomId, ServerId } from "../lib/base/ids.ts";
import { grant, identityLock } from "../lib/lock/lock-table.ts";
import type { ServerState } from "../lib/server/state.ts";
import { login } from "../lib/simulator/case-worlds.ts";
import {
  type Case,
  type Exploration,
  explorationCases,
  explore,
  replay,
  type SmallWorld,
  settle,
} from "../lib/simulator/mod.ts";
import { leftOver, restOf, wrongInWorld } from "../lib/simulator/small-checks.ts";

const statesMax = Number(process.env["EXPLORE_STATES"] ?? 400);
const exploration = suite("exploration");
const cases = explorationCases();

function caseOf(name: string): Case {
  const found = cases.find((each) => each.name === name);
  assert.ok(found, `there is a case "${name}"`);
  return found as Case;
}

for (const { name, exploration: wanted, isSmall } of cases) {
  exploration(`in every order: ${name}`, () => {
    const limit = isSmall ? Number.POSITIVE_INFINITY : statesMax;
    const { states, edges, ends, complete, failure } = explore({ ...wanted, statesMax: limit });
    const how = complete ? "all of them" : "more were left";
    console.log(`  ${name}: ${states} states, ${edges} edges, ${ends} ends; ${how}`);
    const detail = failure && `${failure.detail}\n${failure.path.join("\n")}`;
    assert.is(detail, undefined);
    assert.ok(ends > 0 || !complete, "some path has an end");
  });
}

const compared = [
  "two claims of one identity",
  "two claims of one room",
  "a move under way, and a claim of the name",
  "two claims of one room; s3 crashes",
  "two claims of one room; s3 is told to leave",
  "two claims of one identity; s1 is told to leave",
];

for (const name of compared) {
  exploration(`the same ends with orders left out and with all: ${name}`, () => {
    const { exploration: wanted } = caseOf(name);
    const [reduced, full] = [explore(wanted), explore({ ...wanted, isFull: true })];
    assert.ok(reduced.complete && full.complete);
    assert.ok(reduced.edges < full.edges, `${reduced.edges} of ${full.edges} edges`);
    assert.equal([...reduced.endKeys].sort(), [...full.endKeys].sort());
  });
}

/** The ways in which a case ends, as the clients see it. */
function outcomesOf(wanted: Exploration): string[] {
  const outcomes = new Set<string>();
  const wrongEnd = ({ talks }: SmallWorld) => {
    const heard = [...talks.values()].map((talk) => JSON.stringify(talk.heard));
    outcomes.add(heard.sort().join("\n"));
    return undefined;
  };
  assert.ok(explore({ ...wanted, wrongEnd }).complete);
  return [...outcomes].sort();
}

exploration("the same outcomes with interchangeable names merged and without", () => {
  const { exploration: wanted } = caseOf("three claims of one identity, two of them on s1");
  const apart: Exploration = { ...wanted, swaps: [] };
  assert.ok((wanted.swaps?.length ?? 0) > 0);
  assert.ok(explore(wanted).states < explore(apart).states);
  assert.equal(outcomesOf(wanted), outcomesOf(apart));
});

exploration("what is broken is found, and its path is a script that can be replayed", () => {
  const { exploration: wanted } = caseOf("two claims of one room; s3 crashes");
  const wrongEnd = (_: SmallWorld, struck: string | undefined) =>
    struck === undefined ? undefined : "an end";
  const broken = { ...wanted, wrongEnd };
  const { failure, complete } = explore(broken);
  assert.is(failure?.detail, "an end");
  assert.not(complete);
  const script = failure?.path ?? [];
  assert.ok(script.includes("*** s3 crashes"));
  assert.ok(script.some((line) => /^s2 takes \d+: \{"type":"lockroomid"/.test(line)));
  assert.ok(script.some((line) => /^time passes: \d+ ms$/.test(line)));
  const again = replay(broken, ["# a comment", ...script]);
  assert.equal(again.ok && again.value.wrong, { detail: "an end", after: script.length });
  const unbroken = replay(wanted, script);
  assert.ok(unbroken.ok && unbroken.value.wrong === undefined);
});

exploration("a script that can't be followed is refused with its line", () => {
  const { exploration: wanted } = caseOf("two claims of one room");
  assert.equal(replay(wanted, ["s3 takes 901: nothing of the kind"]), {
    ok: false,
    error: "event 1 can't happen: s3 takes 901: nothing of the kind",
  });
  assert.not(replay(wanted, ["*** s3 crashes"]).ok, "there is no such fault in this case");
  assert.not(replay(wanted, ["hello"]).ok);
});

/** The world after two claims, which s1 has won; with something changed about s2. */
function changed(change: (s2: ServerState, s1: ServerState) => Partial<ServerState>): SmallWorld {
  const world = settle(caseOf("two claims of one identity").exploration.start);
  assert.is(wrongInWorld(world), undefined);
  assert.is(leftOver(restOf(world)), undefined);
  const [s1, s2] = ["s1", "s2"].map((id) => world.servers.get(id) as ServerState);
  if (s1 === undefined || s2 === undefined) throw new Error("a server is missing");
  return { ...world, servers: new Map(world.servers).set("s2", { ...s2, ...change(s2, s1) }) };
}

const doctored: readonly [RegExp, (s2: ServerState, s1: ServerState) => Partial<ServerState>][] = [
  [/^I7: ann sits on s1 and s2/, (_, { sessions }) => ({ sessions })],
  [
    /^I1: s1 and s2 both hold ann/,
    (_, { sessions }) => ({ sessions: sessions.map((each) => ({ ...each, username: "u" })) }),
  ],
  [/^I2: s1 and s2 both have jokes/, (_, { rooms }) => ({ rooms })],
  [
    /^I3: s2 lists jokes of s4/,
    ({ directory }) => ({
      directory: directory.set("jokes" as RoomId, { server: "s4" as ServerId, claimedAt: 0 }),
    }),
  ],
  [
    /^I5: s2 keeps identity:eve for s4, which is no member/,
    ({ locks }) => {
      const attempt = { asker: "s4" as ServerId, stamp: 1 };
      return { locks: grant(locks, identityLock("eve" as Identity), { attempt, lease: 1 }) };
    },
  ],
];

for (const [expected, change] of doctored) {
  exploration(`a world is called wrong: ${expected.source.slice(1)}`, () => {
    const world = changed(change);
    const room = { roomid: "jokes", owner: "ann", claimedAt: 0, members: new Map() };
    const servers = new Map(world.servers);
    if (expected.source.includes("I2")) {
      for (const id of ["s1", "s2"]) {
        const state = servers.get(id) as ServerState;
        servers.set(id, { ...state, rooms: state.rooms.set("jokes" as RoomId, room as never) });
      }
    }
    assert.match(wrongInWorld({ ...world, servers }) ?? "nothing", expected);
  });
}

exploration("what is left over is seen: a member, an answer, a lock", () => {
  const alone = changed(() => ({ membership: new Map() }));
  assert.match(leftOver(alone) ?? "", /^I8: s1 believes|^I8: s2 does not count s1 as a member/);
  const asked = login(
    changed(() => ({})),
    "s1",
    905,
  );
  assert.match(leftOver(asked) ?? "", /^I8: messages go to and fro/);
  const lost = { ...asked, lanes: new Map() };
  assert.match(leftOver(lost) ?? "", /^I6: s1 905 has no answer to its newidentity/);
  const attempt = { asker: "s1" as ServerId, stamp: 1 };
  const locked = changed(({ locks }) => ({
    locks: grant(locks, identityLock("eve" as Identity), { attempt, lease: 1 }),
  }));
  assert.match(leftOver(locked) ?? "", /^I5: s2 has 1 left of: locks/);
});

exploration.run();
