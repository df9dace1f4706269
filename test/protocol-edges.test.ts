/**
 * What rules of PROTOCOL.md forbid at their edges, where a server of ours seldom comes by itself:
 * each of these was broken once on purpose, and no other test noticed.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ConnectionId, RoomId, ServerId } from "../lib/base/ids.ts";
import { defaultTiming } from "../lib/server/config.ts";
import { holdingsOf } from "../lib/server/holdings.ts";
import type { ServerInput } from "../lib/server/inputs.ts";
import type { Room } from "../lib/server/records.ts";
import type { ServerState } from "../lib/server/state.ts";
import { serverMachine } from "../lib/server/step.ts";
import { listEntriesMax, type PeerMessage } from "../lib/wire/server-messages.ts";
import { Cluster, type TestClient, threeServers } from "./support/cluster.ts";
import {
  holdings,
  identity,
  introduction,
  loneServer,
  own,
  Puppet,
  room,
  stateOf,
  wait,
} from "./support/puppet.ts";

const edges = suite("protocol, edges");

/** What the server would do on this line of a peer over a new connection. */
function wouldDo(cluster: Cluster, server: string, as: string, message: object): string[] {
  const { connection } = cluster.intrude(server, as);
  const said = { serverid: as, ...message } as PeerMessage;
  const random = new Uint8Array(16);
  const input = {
    type: "peer-message",
    at: cluster.now,
    connection,
    message: said,
    random,
  } as const;
  const { effects } = serverMachine.step(cluster.state(server), input);
  return effects.map(({ type }) => type).filter((type) => type !== "report");
}

type Happening = ServerInput extends infer Input
  ? Input extends ServerInput
    ? Omit<Input, "at">
    : never
  : never;

/** A peer says that somebody is on the way. */
const announcement = (who: string): object => ({
  type: "moveidentity",
  identity: who,
  move: 1,
  username: who,
  claimedat: 5,
  former: "MainHall-a1",
  roomid: "MainHall-m5",
});

/** Somebody comes with the pass that it was given. */
function arrive(cluster: Cluster, who: string): TestClient {
  const visitor = cluster.connect(own);
  const ticket = stateOf(cluster).reservations.get(identity(who))?.pass ?? "0".repeat(32);
  const way = { former: "MainHall-a1", roomid: `MainHall-${own}` };
  cluster.say(visitor, { type: "movejoin", ...way, identity: who, ticket });
  return visitor;
}

const reasonOf = ({ heard }: TestClient): string | undefined =>
  heard.flatMap((reply) => ("reason" in reply ? [reply.reason as string] : [])).at(-1);

const ids = (...names: readonly string[]): ServerId[] => names as unknown as ServerId[];

edges("6.10 both ends have dialled: the link that the smaller id dialled stays", () => {
  const cluster = new Cluster();
  cluster.hold = (_from, _to, { type }) => type === "newserver";
  cluster.add("s1", ["s2"]);
  cluster.add("s2", ["s1"]);
  cluster.settle();
  cluster.release();
  const [s1, s2] = ["s1", "s2"].map((id) => [...cluster.state(id).links.values()]);
  assert.equal(
    [s1?.map((link) => link.dialled), s2?.map((link) => link.dialled)],
    [[true], [false]],
  );
});

edges("8.9 a server carries bytes for members only, to whom it reaches itself: one hop", () => {
  const cluster = loneServer();
  const [peer] = ["a1", "z9"].map((id) => new Puppet(cluster, id));
  const to = (target: string) => ({ type: "relay", target });
  assert.equal(wouldDo(cluster, own, "a1", to("z9")), ["splice"]);
  assert.equal(wouldDo(cluster, own, "a1", to("q1")), ["close"]);
  assert.not.ok(wouldDo(cluster, own, "q1", to("z9")).includes("splice"), "a stranger");
  peer?.link.hangUp();
  cluster.advance(1_400);
  new Puppet(cluster, "z9", {}, 2_000);
  cluster.advance(9_000);
  assert.is(stateOf(cluster).membership.get("a1" as ServerId)?.status, "dead");
  new Puppet(cluster, "z9", {}, 3_000);
  assert.not.ok(wouldDo(cluster, own, "a1", to("z9")).includes("splice"), "an evicted one");
});

edges("8.9 nobody is carried over a link that is carried itself", () => {
  const cluster = new Cluster();
  const isApart = (from: string, to: string) => [from, to].sort().join() === "s1,s2";
  cluster.dialOutcome = (from, to) => (isApart(from, to) ? { type: "silent" } : undefined);
  for (const id of ["s1", "s2", "s3"]) {
    cluster.add(
      id,
      ["s1", "s2", "s3"].filter((other) => other !== id),
    );
  }
  cluster.advance(4_000);
  const link = cluster.state("s1").peers.get("s2" as ServerId)?.link;
  const carried = link !== undefined && cluster.state("s1").links.get(link)?.relayed;
  const isDialler = carried === true;
  const [near, far] = isDialler ? ["s1", "s2"] : ["s2", "s1"];
  assert.equal(wouldDo(cluster, near, "s3", { type: "relay", target: far }), ["close"]);
});

edges("6.7 an answer under an incarnation that is past makes nobody a member", () => {
  for (const [isDead, incarnation, isTaken] of [
    [false, 999, false],
    [false, 1_000, true],
    [true, 1_000, false],
    [true, 1_001, true],
  ] as const) {
    const cluster = loneServer();
    const connection = 900 as ConnectionId;
    const peer = new Puppet(cluster, "a1");
    cluster.dialOutcome = () => ({ type: "silent" });
    peer.link.hangUp();
    cluster.advance(isDead ? 9_000 : 10);
    cluster.dialOutcome = () => {
      cluster.dialOutcome = () => ({ type: "silent" });
      return { type: "link", connection, certificateId: "a1" as ServerId };
    };
    cluster.advance(2_500);
    const answer = { ...introduction("a1", incarnation), approved: "true", sequence: 9 };
    for (const part of [{ type: "serverreply", ...answer }, holdings({})]) {
      const message = { serverid: "a1", ...part } as PeerMessage;
      const random = new Uint8Array(16);
      cluster.input(own, { type: "peer-message", connection, message, random });
    }
    cluster.settle();
    const link = stateOf(cluster).links.get(connection)?.phase;
    assert.is(link, isTaken ? "open" : undefined, `${isDead} ${incarnation}`);
    const member = stateOf(cluster).membership.get("a1" as ServerId);
    assert.is(member?.incarnation, isTaken ? incarnation : 1_000);
  }
});

edges("6.5 the list names also those whom the answerer still introduces itself to", () => {
  const cluster = new Cluster();
  cluster.add(own, ["b1"]);
  cluster.dialOutcome = () => ({ type: "silent" });
  cluster.settle();
  const listed = new Puppet(cluster, "a1")
    .take()
    .flatMap((message) => (message.type === "members" ? message.members : []))
    .map(({ serverid, status }) => `${serverid} ${status}`);
  assert.equal(listed, ["a1 alive", "b1 introducing"]);
});

edges("6.8 a server whose contacts have no names yet waits for them too", () => {
  const cluster = new Cluster();
  const address = { host: "b1", port: 5555 };
  cluster.add(own, [], { contacts: [{ serverid: undefined, address }] });
  cluster.advance(4_000);
  assert.is(stateOf(cluster).phase, "starting");
  cluster.advance(1_000);
  assert.is(stateOf(cluster).phase, "serving");
});

edges("6.6 holdings are told in parts of at most 1,000 entries, each entry once", () => {
  const state = stateOf(loneServer());
  const rooms = Array.from({ length: listEntriesMax + 2 }, (_, n): [RoomId, Room] => {
    const roomid = room(`room${n}`);
    return [
      roomid,
      { roomid, owner: "ann" as never, claimedAt: n, members: state.rooms.clear() as never },
    ];
  });
  const full: ServerState = { ...state, rooms: state.rooms.merge(rooms) };
  const parts = holdingsOf(full, false);
  assert.equal(
    parts.map((part) => [part.rooms.length, part.last]),
    [
      [listEntriesMax, "false"],
      [2, "true"],
    ],
  );
  const told = parts.flatMap((part) => part.rooms.map(({ roomid }) => roomid));
  assert.is(new Set(told).size, listEntriesMax + 2);
});

edges("6.15 after a gap in the changes of a member its whole list is asked for", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1", { change: 4 });
  const asksAfter = (change: number) => {
    peer.take();
    const beat = { sequence: change, change, acknowledged: 0, digest: "x", users: 0 };
    peer.say({ type: "heartbeat", ...beat });
    return peer.take().some(({ type }) => type === "askrooms");
  };
  peer.say({ type: "deleteroom", roomid: "den", change: 5 });
  assert.is(asksAfter(5), false, "nothing was missed");
  peer.say({ type: "deleteroom", roomid: "den", change: 7 });
  assert.is(asksAfter(7), true, "the sixth was missed");
  peer.say(holdings({ change: 7 }));
  assert.is(asksAfter(7), false);
});

edges(
  "6.5 what is told at a first introduction: rooms, names on their way here, open attempts",
  () => {
    const cluster = loneServer();
    const mover = new Puppet(cluster, "a1");
    mover.say(announcement("bob"));
    cluster.say(cluster.connect(own), { type: "newidentity", identity: "ann", ticket: "ann" });
    const told = new Puppet(cluster, "b1")
      .take()
      .flatMap((message) => (message.type === "holdings" ? [message] : []));
    const { identities, attempts } = told[0] as (typeof told)[0];
    assert.equal(identities, [{ identity: "bob", username: "bob", claimedat: 5 }]);
    assert.equal(
      attempts.map(({ kind, name }) => `${kind} ${name}`),
      ["identity ann"],
    );
  },
);

edges("3.8 only a release that says so records a room", () => {
  for (const approved of ["false", "true"]) {
    const cluster = loneServer();
    const peer = new Puppet(cluster, "a1");
    peer.say({ type: "lockroomid", roomid: "den", stamp: 7 });
    const released = { roomid: "den", stamp: 7, approved, claimedat: 5, change: 1 };
    peer.say({ type: "releaseroomid", ...released });
    assert.is(stateOf(cluster).directory.has(room("den")), approved === "true");
  }
});

edges("6.13 the pauses between dials grow", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  const dials: number[] = [];
  cluster.dialOutcome = () => {
    dials.push(cluster.now);
    return { type: "silent" };
  };
  peer.link.hangUp();
  cluster.advance(1_400);
  const pauses = dials.slice(1).map((at, n) => at - (dials[n] ?? 0));
  assert.ok(pauses.length > 0 && pauses.length < 8, `${pauses}`);
  assert.ok((pauses.at(-1) ?? 0) > 150, `${pauses}`);
});

edges("8.4 who sees another member list asks for it", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  peer.beat();
  assert.not(peer.take().some(({ type }) => type === "askmembers"));
  peer.say({ type: "heartbeat", sequence: 9, acknowledged: 0, change: 0, digest: "x", users: 0 });
  assert.ok(peer.take().some(({ type }) => type === "askmembers"));
});

edges("3.9 a room that is known here is refused without asking anybody", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  const peer = new Puppet(cluster, "a1", { rooms: [{ roomid: "den", claimedat: 5 }], change: 1 });
  peer.take();
  cluster.say(ann, { type: "createroom", roomid: "den" });
  assert.is(reasonOf(ann), "room-exists");
  assert.equal(peer.take(), []);
});

edges("the times are those that the promises are stated for", () => {
  assert.equal(defaultTiming, {
    ...{ loginMs: 10_000, requestMs: 4_500, claimMs: 3_000, leaseMs: 6_000 },
    ...{ announceMs: 3_000, reservationMs: 10_000, gatherMs: 5_000, joinMs: 10_000 },
    ...{ introduceMs: 3_000, contestMs: 1_000, redialMinMs: 100, redialMaxMs: 2_000 },
    ...{ heartbeatMs: 500, suspectMs: 1_500, silentMs: 4_000, stalledMs: 8_000 },
    ...{ probeMs: 500, vetoMs: 500, drainMs: 8_000, fenceMs: 3_000, voteKeptMs: 4_000 },
  });
});

edges.run();

const leaving = suite("protocol, edges of leaving");

/** Three servers, a user on the second, and everything that is asked of `held` waits. */
function beforeDrain(held: PeerMessage["type"]): { cluster: Cluster; ann: TestClient } {
  const cluster = threeServers();
  cluster.advance(2_000);
  const ann = cluster.login("s2", "ann");
  cluster.hold = (from, _to, { type }) => from === "s2" && type === held;
  return { cluster, ann };
}

const drain = (cluster: Cluster, id: string): void => {
  cluster.input(id, { type: "command", command: "drain" });
  cluster.settle();
};

leaving("8.16 its rooms are deleted at once, and everybody hears of it", () => {
  const { cluster, ann } = beforeDrain("moveidentity");
  cluster.say(ann, { type: "createroom", roomid: "den" });
  assert.ok(cluster.state("s1").directory.has(room("den")));
  cluster.take(ann);
  drain(cluster, "s2");
  const change = { type: "roomchange", identity: "ann", former: "den", roomid: "MainHall-s2" };
  assert.equal(cluster.take(ann), [change]);
  for (const id of ["s1", "s3"]) assert.not(cluster.state(id).directory.has(room("den")), id);
});

leaving("8.16 its claims end, and it makes no room any longer", () => {
  const { cluster, ann } = beforeDrain("lockroomid");
  cluster.say(ann, { type: "createroom", roomid: "den" });
  drain(cluster, "s2");
  assert.is(reasonOf(ann), "draining");
  cluster.release();
  const route = cluster.take(ann).find(({ type }) => type === "route");
  assert.ok(route, "she is on her way");
  // Whoever speaks on comes back, until it is routed again.
  cluster.say(ann, { type: "createroom", roomid: "hut" });
  assert.is(reasonOf(ann), "draining");
  assert.not(cluster.state("s2").rooms.has(room("hut")));
});

leaving("8.16 until it goes it votes: its users keep their names", () => {
  const { cluster } = beforeDrain("moveidentity");
  for (const user of ["bob", "cat"]) cluster.login("s1", user);
  cluster.advance(1_000);
  drain(cluster, "s2");
  // She is announced to s3, which has the fewest users, and that is still on its way.
  assert.is(cluster.state("s1").membership.get("s2" as ServerId)?.leaving, true);
  assert.is(cluster.state("s3").reservations.size, 0);
  const twin = cluster.connect("s1");
  cluster.say(twin, { type: "newidentity", identity: "ann", ticket: "twin" });
  assert.is(reasonOf(twin), "identity-in-use");
});

leaving("8.16 who is on the way to it is waited for, and routed on", () => {
  const cluster = threeServers();
  cluster.advance(2_000);
  const ann = cluster.login("s1", "ann");
  cluster.say(ann, { type: "join", roomid: "MainHall-s2" });
  const route = cluster.take(ann).at(-1);
  const ticket = route?.type === "route" ? route.ticket : "";
  drain(cluster, "s2");
  cluster.advance(1_000);
  assert.is(cluster.state("s2").phase, "draining");
  const there = cluster.connect("s2");
  const arrival = { former: "MainHall-s1", roomid: "MainHall-s2", identity: "ann", ticket };
  cluster.say(there, { type: "movejoin", ...arrival });
  cluster.advance(200);
  const types = cluster.take(there).map(({ type }) => type);
  assert.equal([types[0], types.includes("route")], ["serverchange", true]);
});

leaving("5.2 a server that has just started keeps no name for a mover", () => {
  const cluster = new Cluster();
  cluster.add(own, ["b1"]);
  cluster.dialOutcome = () => ({ type: "silent" });
  cluster.settle();
  const peer = new Puppet(cluster, "a1");
  assert.is(stateOf(cluster).phase, "starting");
  peer.take();
  peer.say(announcement("ann"));
  const [answer] = peer.take();
  if (answer?.type !== "moveidentity" || answer.approved === undefined) throw new Error("silence");
  assert.equal([answer.approved, answer.reason], ["false", "unreachable"]);
});

leaving("8.16 a server that leaves keeps no name for anybody new", () => {
  const cluster = loneServer();
  cluster.login(own, "ann");
  const [, other] = [new Puppet(cluster, "a1"), new Puppet(cluster, "b1")];
  drain(cluster, own);
  assert.is(stateOf(cluster).phase, "draining");
  other.take();
  other.say(announcement("bob"));
  const answer = other.take().find(({ type }) => type === "moveidentity");
  assert.is(answer?.type === "moveidentity" && answer.approved && answer.reason, "draining");
});

leaving.run();

const moving = suite("protocol, edges of moves");

/** The reservation that is there for somebody. */
const reservation = (cluster: Cluster, who: string) =>
  stateOf(cluster).reservations.get(identity(who));

moving("5.4 a move takes the time of its claim along", () => {
  const cluster = loneServer();
  const old = new Puppet(cluster, "a1");
  old.say(announcement("bob"));
  arrive(cluster, "bob");
  assert.is(stateOf(cluster).sessions.get(identity("bob"))?.claimedAt, 5);
});

moving("5.9 only the server that was left asks for the end, and only of that move", () => {
  const cluster = loneServer();
  const [old, other] = [new Puppet(cluster, "a1"), new Puppet(cluster, "b1")];
  old.say(announcement("bob"));
  other.say({ type: "endmove", identity: "bob", move: 1, acknowledged: "false" });
  old.say({ type: "endmove", identity: "bob", move: 2, acknowledged: "false" });
  assert.ok(reservation(cluster, "bob"));
  old.say({ type: "endmove", identity: "bob", move: 1, acknowledged: "false" });
  assert.not(reservation(cluster, "bob"));
});

moving("8.18 of two equally old claims that of the smaller id stays", () => {
  for (const [id, isKept] of [
    ["a1", false],
    ["z9", true],
  ] as const) {
    const cluster = loneServer();
    const ann = cluster.login(own, "ann");
    const claimedat = stateOf(cluster).sessions.get(identity("ann"))?.claimedAt ?? 0;
    new Puppet(cluster, id, { identities: [{ identity: "ann", username: "eve", claimedat }] });
    assert.is(stateOf(cluster).sessions.has(identity("ann")), isKept, id);
    assert.is(ann.closed, !isKept);
  }
});

moving("5.9 only the target ends a move, and only the one that is under way", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  const [target, other] = [new Puppet(cluster, "t9"), new Puppet(cluster, "b1")];
  cluster.say(ann, { type: "join", roomid: "MainHall-t9" });
  const number = stateOf(cluster).sessions.get(identity("ann"))?.move?.number ?? 0;
  const answer = { identity: "ann", move: number, approved: "true", pass: "0".repeat(32) };
  target.say({ type: "moveidentity", ...answer });
  const ended = { type: "moveended", identity: "ann", arrived: "true" };
  other.say({ ...ended, move: number });
  target.say({ ...ended, move: number + 1 });
  assert.ok(stateOf(cluster).sessions.has(identity("ann")) && !ann.closed);
  target.say({ ...ended, move: number });
  assert.not(stateOf(cluster).sessions.has(identity("ann")));
});

moving("5.2 nobody is routed to a server that has begun to leave", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  const target = new Puppet(cluster, "t9");
  cluster.say(ann, { type: "join", roomid: "MainHall-t9" });
  const move = stateOf(cluster).sessions.get(identity("ann"))?.move?.number;
  target.say({ type: "leaving", incarnation: 1_000 });
  const answer = { identity: "ann", move, approved: "true", pass: "0".repeat(32) };
  target.say({ type: "moveidentity", ...answer });
  assert.not(cluster.take(ann).some(({ type }) => type === "route"));
  assert.is(stateOf(cluster).sessions.get(identity("ann"))?.roomid, `MainHall-${own}`);
});

moving("5.11 a mover of a server that is gone is not kept when the name gets free", () => {
  const cluster = loneServer();
  const [old, asker] = [new Puppet(cluster, "a1"), new Puppet(cluster, "b1")];
  asker.say({ type: "lockidentity", identity: "bob", stamp: 7 });
  old.say(announcement("bob"));
  assert.ok(stateOf(cluster).announced.has(identity("bob")));
  old.say({ type: "leave", incarnation: 1_000 });
  asker.say({ type: "releaseidentity", identity: "bob", stamp: 7 });
  assert.not(reservation(cluster, "bob"));
});

/** What a client or a peer is told when the server next wakes up so late, and reads this. */
function toldLate(cluster: Cluster, lateMs: number, input: Happening): readonly object[] {
  const state = stateOf(cluster);
  const late = { ...input, at: state.now + lateMs } as ServerInput;
  const { effects } = serverMachine.step(state, late);
  return effects.flatMap((effect) => (effect.type === "send" ? [effect.message] : []));
}

moving("5.6 a pass that is over is over, also for who reads its line too late", () => {
  const cluster = loneServer();
  const old = new Puppet(cluster, "a1");
  old.say(announcement("bob"));
  wait(cluster, 5_000, old);
  const ticket = reservation(cluster, "bob")?.pass ?? "";
  const { connection } = cluster.connect(own);
  const way = { former: "MainHall-a1", roomid: `MainHall-${own}` };
  const request = { type: "movejoin", identity: "bob", ticket, ...way } as const;
  for (const [lateMs, isTaken] of [
    [4_900, "true"],
    [5_001, "false"],
  ] as const) {
    const said = toldLate(cluster, lateMs, { type: "request", connection, request, size: 99 });
    const answers = said.flatMap((each) => ("approved" in each ? [each.approved] : []));
    assert.equal(answers.at(-1), isTaken, `${lateMs} ms`);
  }
});

moving("7.8 a claim that is over is over, also for who reads the last grant too late", () => {
  const cluster = loneServer();
  const voter = new Puppet(cluster, "a1");
  voter.take();
  cluster.say(cluster.connect(own), { type: "newidentity", identity: "ann", ticket: "ann" });
  const [asked] = voter.take();
  const message = { ...asked, serverid: "a1", locked: "true" } as unknown as PeerMessage;
  const { connection } = voter.link;
  const random = new Uint8Array(16);
  for (const [lateMs, isTaken] of [
    [2_900, "true"],
    [3_001, "false"],
  ] as const) {
    const said = toldLate(cluster, lateMs, { type: "peer-message", connection, message, random });
    const answers = said.flatMap((each) => ("approved" in each ? [each.approved] : []));
    assert.equal(answers, [isTaken], `${lateMs} ms`);
  }
});

moving.run();

const returning = suite("protocol, edges of a return");

/** The server learns from a peer that it was evicted. */
function tellEvicted(cluster: Cluster, peer: Puppet): number {
  const { incarnation } = stateOf(cluster);
  peer.take();
  peer.say({ type: "evicted", evictedid: own, incarnation });
  assert.ok(stateOf(cluster).incarnation > incarnation);
  return stateOf(cluster).incarnation;
}

returning("8.13 passes from before do not work any longer", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  peer.say(announcement("bob"));
  tellEvicted(cluster, peer);
  assert.not(reservation(cluster, "bob"));
  assert.is(reasonOf(arrive(cluster, "bob")), "ticket-invalid");
});

returning("8.13 who stood still for longer than 1.5 s comes back without names", () => {
  for (const [stillMs, isKept] of [
    [1_200, true],
    [2_200, false],
  ] as const) {
    const cluster = loneServer();
    const ann = cluster.login(own, "ann");
    const peer = new Puppet(cluster, "a1");
    wait(cluster, 1_000, peer);
    cluster.stop(own);
    cluster.advance(stillMs);
    cluster.goOn(own);
    wait(cluster, 500, peer);
    tellEvicted(cluster, peer);
    assert.is(stateOf(cluster).sessions.has(identity("ann")), isKept, `${stillMs} ms`);
    assert.is(ann.closed, !isKept);
  }
});

returning("8.13 claims are asked anew, above every stamp from before", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  wait(cluster, 20_000, peer);
  peer.take();
  cluster.say(cluster.connect(own), { type: "newidentity", identity: "ann", ticket: "ann" });
  const [asked] = peer.take();
  if (asked?.type !== "lockidentity") throw new Error("not asked");
  const incarnation = tellEvicted(cluster, peer);
  const said = peer.take();
  assert.ok(said.some((each) => each.type === "releaseidentity" && each.stamp === asked.stamp));
  const stamps = said.flatMap((each) => (each.type === "lockidentity" ? [each.stamp] : []));
  assert.ok(stamps.length > 0 && stamps.every((stamp) => stamp > incarnation));
});

returning.run();

const majority = suite("protocol, edges of majority mode");

majority("8.22 the vote of a server that was replaced stays needed for 4 s", () => {
  const cluster = threeServers({ partition: "majority", roster: ids("s1", "s2", "s3") });
  cluster.advance(3_000);
  cluster.crash("s3");
  cluster.advance(10);
  cluster.add("s3", ["s1", "s2"], { partition: "majority", roster: ids("s1", "s2", "s3") });
  cluster.advance(1_500);
  assert.is(cluster.state("s3").fenced, false);
  const early = cluster.connect("s1");
  cluster.say(early, { type: "newidentity", identity: "ann", ticket: "ann" });
  cluster.advance(1_500);
  assert.equal(early.heard, [], "the older one may not have noticed yet");
  cluster.advance(1_500);
  assert.is(early.heard[0]?.type === "newidentity" && early.heard[0].approved, "true");
});

majority.run();
