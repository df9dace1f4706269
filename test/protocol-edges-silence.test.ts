/**
 * As protocol-edges.test.ts, for section 8: words about others, votes on evictions, who is told,
 * and the fence of majority mode to the millisecond.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ServerId } from "../lib/base/ids.ts";
import type { DialOutcome } from "../lib/server/inputs.ts";
import { serverMachine } from "../lib/server/step.ts";
import type { PeerMessage } from "../lib/wire/server-messages.ts";
import { type Cluster, serversOfFile, type TestClient } from "./support/cluster.ts";
import { identity, loneServer, own, Puppet, stateOf, wait } from "./support/puppet.ts";

const silence = suite("protocol 8, edges of silence");

const statusOf = (cluster: Cluster, id: string): string | undefined =>
  stateOf(cluster).membership.get(id as ServerId)?.status;

const ofType = <Type extends PeerMessage["type"]>(said: readonly PeerMessage[], type: Type) =>
  said.filter((each): each is Extract<PeerMessage, { type: Type }> => each.type === type);

/** One server, and three peers of which the first has fallen silent just now. */
function silentPeer(): { cluster: Cluster; silent: Puppet; one: Puppet; other: Puppet } {
  const cluster = loneServer();
  const [silent, one, other] = ["a1", "b1", "c1"].map((id) => new Puppet(cluster, id)) as [
    Puppet,
    Puppet,
    Puppet,
  ];
  cluster.dialOutcome = () => ({ type: "silent" });
  wait(cluster, 1_600, one, other);
  assert.is(statusOf(cluster, "a1"), "suspect");
  return { cluster, silent, one, other };
}

silence("8.9 the word of another evicts nobody: whoever is heard is asked first", () => {
  const { cluster, one, other } = silentPeer();
  wait(cluster, 500, one, other);
  other.take();
  one.say({ type: "evicted", evictedid: "a1", incarnation: 1_000 });
  assert.is(statusOf(cluster, "a1"), "suspect");
  const question = { type: "hearsay", suspectid: "a1", incarnation: 1_000 };
  other.say({ ...question, heard: "true" });
  wait(cluster, 400, one, other);
  assert.is(statusOf(cluster, "a1"), "suspect");
});

silence("8.11 the word about an earlier incarnation counts nothing against a silent one", () => {
  const { cluster, one, other } = silentPeer();
  one.say({ type: "evicted", evictedid: "a1", incarnation: 999 });
  wait(cluster, 1_500, one, other);
  assert.is(statusOf(cluster, "a1"), "suspect");
});

silence("8.9 who hears a newer incarnation does not hear the older one", () => {
  const cluster = loneServer();
  const [, asker] = ["a1", "b1"].map((id) => new Puppet(cluster, id));
  const answers = [1_000, 999].map((incarnation) => {
    asker?.take();
    asker?.say({ type: "hearsay", suspectid: "a1", incarnation });
    return ofType(asker?.take() ?? [], "hearsay").map(({ heard }) => heard);
  });
  assert.equal(answers, [["true"], ["false"]]);
});

silence("8.9 who is heard and never answers holds up no eviction of a silent host", () => {
  const { cluster, one, other } = silentPeer();
  wait(cluster, 3_000, one, other);
  assert.is(statusOf(cluster, "a1"), "dead");
});

silence("8.10 an eviction is told to everybody, and the link of the evicted one closed", () => {
  const { cluster, silent, one, other } = silentPeer();
  wait(cluster, 3_000, one, other);
  assert.is(statusOf(cluster, "a1"), "dead");
  for (const peer of [one, other]) {
    const told = ofType(peer.take(), "evicted");
    assert.equal(
      told.map(({ evictedid, incarnation }) => `${evictedid} ${incarnation}`),
      ["a1 1000"],
    );
  }
  assert.ok(silent.link.isClosed());
});

silence("8.7 only probes that are refused one after another make a crash", () => {
  const cluster = loneServer();
  const [gone, other] = [new Puppet(cluster, "a1"), new Puppet(cluster, "b1")];
  const outcomes: DialOutcome["type"][] = ["refused", "silent", "refused", "silent", "refused"];
  let dials = 0;
  cluster.dialOutcome = () => ({ type: outcomes[dials++] ?? "silent" }) as DialOutcome;
  wait(cluster, 1_000, gone, other);
  gone.link.hangUp();
  wait(cluster, 1_400, other);
  assert.ok(dials >= 3 && statusOf(cluster, "a1") === "suspect", `${dials} dials`);
});

silence("8.14 right after standing still it judges nobody for 0.5 s", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  wait(cluster, 2_000, peer);
  cluster.advance(1_050);
  assert.is(statusOf(cluster, "a1"), "alive");
  cluster.stop(own);
  cluster.advance(5_000);
  cluster.goOn(own);
  cluster.advance(450);
  assert.is(statusOf(cluster, "a1"), "alive");
});

silence("8.14 what was heard before standing still grows no younger by it", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  cluster.dialOutcome = () => ({ type: "silent" });
  wait(cluster, 2_000, peer);
  cluster.advance(1_050);
  cluster.stop(own);
  cluster.advance(5_000);
  cluster.goOn(own);
  cluster.advance(1_200);
  assert.is(statusOf(cluster, "a1"), "suspect");
});

silence("8.18 a mover on its way here is a claim like others where parts meet", () => {
  for (const [claimedat, isKept] of [
    [4, false],
    [6, true],
  ] as const) {
    const cluster = loneServer();
    announce(new Puppet(cluster, "a1"));
    assert.ok(stateOf(cluster).reservations.has(identity("bob")));
    new Puppet(cluster, "b1", { identities: [{ identity: "bob", username: "eve", claimedat }] });
    assert.is(stateOf(cluster).reservations.has(identity("bob")), isKept);
  }
});

silence("8.18 both ends of a move hold one claim: the old end does not give it up", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  const target = new Puppet(cluster, "a1");
  routeTo(cluster, ann, target);
  const claimedat = stateOf(cluster).sessions.get(identity("ann"))?.claimedAt ?? 0;
  target.relink({ identities: [{ identity: "ann", username: "ann", claimedat }] });
  assert.not(ann.closed);
  assert.ok(stateOf(cluster).sessions.has(identity("ann")));
});

silence("5.10 a mover that has asked to end its move and is gone keeps its name till then", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  const target = new Puppet(cluster, "a1");
  const move = routeTo(cluster, ann, target);
  cluster.say(ann, { type: "message", content: "x" });
  cluster.hangUp(ann);
  assert.ok(stateOf(cluster).sessions.has(identity("ann")));
  target.say({ type: "moveended", identity: "ann", move, arrived: "false" });
  assert.not(stateOf(cluster).sessions.has(identity("ann")));
});

silence.run();

/** A peer says that bob is on the way. */
function announce(peer: Puppet): void {
  const way = { former: `MainHall-${peer.id}`, roomid: `MainHall-${own}` };
  const who = { identity: "bob", username: "bob", claimedat: 5 };
  peer.say({ type: "moveidentity", move: 1, ...who, ...way });
}

/** Joins the main hall of a peer, which takes her; the number of the move. */
function routeTo(cluster: Cluster, ann: TestClient, target: Puppet): number {
  cluster.say(ann, { type: "join", roomid: `MainHall-${target.id}` });
  const { move } = stateOf(cluster).sessions.get(identity("ann")) ?? {};
  const answer = { identity: "ann", move: move?.number, approved: "true", pass: "0".repeat(32) };
  target.say({ type: "moveidentity", ...answer });
  assert.ok(cluster.take(ann).some(({ type }) => type === "route"));
  return move?.number ?? 0;
}

const majority = suite("protocol 8, edges of majority mode");

const mode = { partition: "majority" } as const;

/** A peer in majority mode, which acknowledges heartbeats when it is told to. */
class Voter extends Puppet {
  #number = 0;

  override newserver(change: object = {}): object {
    return super.newserver({ ...mode, ...change });
  }

  /** The number of the latest heartbeat that it has heard. */
  latest(): number {
    return ofType(this.link.heard, "heartbeat").at(-1)?.sequence ?? 0;
  }

  acknowledge(acknowledged: number = this.latest()): void {
    const rest = { change: 0, digest: "x", users: 0 };
    this.say({ type: "heartbeat", sequence: ++this.#number, acknowledged, ...rest });
  }
}

/** One server of a roster, and some of the others. */
function rosterOf(size: number, voters: readonly string[]): { cluster: Cluster; peers: Voter[] } {
  const roster = [own, "a1", "b1", "c1", "d1"].slice(0, size) as unknown as ServerId[];
  const cluster = loneServer({ ...mode, roster });
  return { cluster, peers: voters.map((id) => new Voter(cluster, id)) };
}

majority("8.20 a majority of the roster must have heard it, also of an even one", () => {
  for (const [size, heard, isFenced] of [
    [3, ["a1"], false],
    [4, ["a1"], true],
    [4, ["a1", "b1"], false],
    [5, ["a1"], true],
    [5, ["a1", "b1"], false],
  ] as const) {
    const { cluster, peers } = rosterOf(size, heard);
    cluster.advance(700);
    for (const peer of peers) peer.acknowledge();
    cluster.advance(600);
    assert.is(stateOf(cluster).fenced, isFenced, `${heard} of ${size}`);
  }
});

majority("8.20 the 3 s begin when the heartbeat was sent, not when its answer came", () => {
  const { cluster, peers } = rosterOf(3, ["a1"]);
  const [peer] = peers as [Voter];
  let sentAt = 0;
  while (peer.latest() === 0) {
    cluster.advance(1);
    sentAt = cluster.now;
  }
  const number = peer.latest();
  cluster.advance(1_000);
  peer.acknowledge(number);
  cluster.advance(400);
  assert.is(stateOf(cluster).fenced, false);
  while (cluster.now < sentAt + 2_990) {
    peer.acknowledge(number);
    cluster.advance(10);
  }
  assert.is(stateOf(cluster).fenced, false);
  cluster.advance(20);
  assert.is(stateOf(cluster).fenced, true);
});

majority("8.20 what a fence ends: claims, reservations, votes", () => {
  const { cluster, peers } = rosterOf(3, ["a1", "b1"]);
  const [peer, other] = peers as [Voter, Voter];
  cluster.advance(700);
  peer.acknowledge();
  cluster.advance(400);
  announce(peer);
  cluster.advance(600);
  const ann = cluster.connect(own);
  cluster.say(ann, { type: "newidentity", identity: "ann", ticket: "ann" });
  for (let passed = 0; passed < 2_800 && !stateOf(cluster).fenced; passed += 100) {
    for (const each of peers) each.acknowledge(0);
    cluster.advance(100);
  }
  assert.is(stateOf(cluster).fenced, true);
  const [answer] = cluster.take(ann);
  assert.is(answer?.type === "newidentity" && answer.reason, "no-quorum");
  assert.is(stateOf(cluster).reservations.size, 0);
  announce(other);
  const [refusal] = ofType(other.take(), "moveidentity");
  assert.is(refusal?.approved !== undefined && refusal.reason, "no-quorum");
  other.say({ type: "lockidentity", identity: "cat", stamp: 7 });
  const votes = ofType(other.take(), "lockidentity");
  assert.equal(
    votes.map(({ locked, reason }) => [locked, reason]),
    [["false", "no-quorum"]],
  );
});

majority("8.19 who leaves is in the roster no longer, and the host keeps it so", () => {
  const { cluster, peers } = rosterOf(3, ["a1", "b1"]);
  const [peer] = peers as [Voter];
  const { connection } = peer.link;
  const message = { type: "leave", serverid: "a1" as ServerId, incarnation: 1_000 } as const;
  const random = new Uint8Array(16);
  const input = { type: "peer-message", at: cluster.now, connection, message, random } as const;
  const { state, effects } = serverMachine.step(stateOf(cluster), input);
  assert.equal([...state.roster].sort(), ["b1", own]);
  assert.equal(
    effects.filter(({ type }) => type === "keep-roster"),
    [{ type: "keep-roster", roster: ["b1", own] }],
  );
});

majority("8.21 of two halves neither evicts the other", () => {
  const ids = ["s1", "s2", "s3", "s4"];
  const roster = ids as unknown as ServerId[];
  const cluster = serversOfFile(ids, { ...mode, roster });
  cluster.advance(3_000);
  const isLeft = (id: string) => id < "s3";
  cluster.hold = (from, to) => isLeft(from) !== isLeft(to);
  cluster.dialOutcome = (from, to) =>
    isLeft(from) === isLeft(to) ? undefined : { type: "silent" };
  cluster.advance(12_000);
  for (const id of ids) {
    const dead = [...cluster.state(id).membership.values()].filter((m) => m.status === "dead");
    assert.equal(dead, [], id);
  }
});

majority("8.22 an open vote needs the evicted one till then too", () => {
  const ids = ["s1", "s2", "s3"];
  const cluster = serversOfFile(ids, { ...mode, roster: ids as unknown as ServerId[] });
  cluster.advance(3_000);
  cluster.hold = (from, to) => from === "s3" && to === "s1";
  const ann = cluster.connect("s1");
  cluster.say(ann, { type: "newidentity", identity: "ann", ticket: "ann" });
  cluster.crash("s3");
  cluster.advance(1_500);
  assert.is(cluster.state("s1").membership.get("s3" as ServerId)?.status, "dead");
  assert.equal(ann.heard, []);
});

majority.run();
