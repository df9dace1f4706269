/**
 * PROTOCOL.md section 6: links, introductions, resynchronisation; one test a rule.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ConnectionId, ServerId } from "../lib/base/ids.ts";
import { changePeer, linkLost } from "../lib/server/links.ts";
import type { PeerMessage } from "../lib/wire/server-messages.ts";
import { listEntriesMax } from "../lib/wire/server-messages.ts";
import { peerMessages } from "../lib/wire/server-vocabulary.ts";
import { Cluster, serversOfFile, threeServers } from "./support/cluster.ts";
import { everyOrder, seeded } from "./support/orders.ts";
import { holdings, loneServer, own, Puppet, room, stateOf, wait } from "./support/puppet.ts";
import { tableAfter, words } from "./support/tables.ts";

const links = suite("protocol 6");

function types(messages: readonly PeerMessage[]): readonly string[] {
  return messages.map(({ type }) => type);
}

/** Every server sees every other one, over exactly one link, and all see the same rooms. */
function isWhole(cluster: Cluster, ids: readonly string[]): boolean {
  return ids.every((id) => {
    const { membership, links: held, phase } = cluster.state(id);
    const alive = [...membership.values()].filter(({ status }) => status === "alive");
    const open = [...held.values()].filter((link) => link.phase === "open");
    const isLinked = open.length === ids.length - 1 && held.size === open.length;
    return phase === "serving" && alive.length === ids.length - 1 && isLinked;
  });
}

function incarnationOf(cluster: Cluster, server: string, member: string): number | undefined {
  return cluster.state(server).membership.get(member as never)?.incarnation;
}

links("6.1 the messages are those of the table", () => {
  const table = new Set(words(tableAfter("**6.1**"), 0));
  assert.equal([...peerMessages.keys()].sort(), [...table].sort());
});

links("6.2 a peer that speaks for another is cut off, whatever it says", () => {
  for (const line of [
    { type: "lockidentity", identity: "ann", stamp: 1 },
    { type: "releaseidentity", identity: "ann", stamp: 1 },
    { type: "releaseroomid", roomid: "den", stamp: 1, approved: "true", claimedat: 1, change: 1 },
    { type: "deleteroom", roomid: "den", change: 1 },
    { type: "leave", incarnation: 1_000 },
    { type: "heartbeat", sequence: 1, acknowledged: 0, change: 0, digest: "x", users: 0 },
    { type: "moveended", identity: "ann", move: 1, arrived: "true" },
  ]) {
    const cluster = loneServer();
    const victim = new Puppet(cluster, "b1", { rooms: [{ roomid: "den", claimedat: 5 }] });
    const liar = new Puppet(cluster, "a1");
    const before = stateOf(cluster);
    victim.take();
    liar.say({ ...line, serverid: "b1" });
    const { directory, locks, membership } = stateOf(cluster);
    assert.ok(liar.link.isClosed() && !victim.link.isClosed(), line.type);
    assert.ok(directory === before.directory && locks === before.locks);
    assert.is(membership.get("b1" as never)?.status, "alive");
  }
});

links("6.3 who dials introduces itself first, and nothing comes before that", () => {
  const cluster = new Cluster();
  const said: string[] = [];
  cluster.hold = (from, to, { type }) => {
    said.push(`${from}>${to} ${type}`);
    return false;
  };
  cluster.add("s1", []);
  cluster.add("s2", ["s1"]);
  cluster.settle();
  assert.equal(said.slice(0, 2), ["s2>s1 newserver", "s2>s1 holdings"]);
});

links("6.4 before its introduction nothing else is taken from a peer", () => {
  const names = { identities: [{ identity: "ann", username: "eve", claimedat: 1 }] };
  const introduced = { incarnation: 9, host: "h", clientport: "1", peerhost: "h", peerport: "1" };
  const lists: readonly object[] = [
    { serverid: "s9", ...introduced, status: "alive" },
    { serverid: "b2", ...introduced, status: "alive" },
  ];
  const lines: readonly (readonly object[])[] = [
    [holdings({ rooms: [{ roomid: "jokes", claimedat: 5 }], change: 1 })],
    [holdings(names)],
    [{ type: "members", members: lists, last: "true" }],
    [{ type: "serverreply", approved: "true", ...introduced, sequence: 1 }, holdings(names)],
    [{ type: "lockidentity", identity: "bob", stamp: 1 }],
    [{ type: "askrooms" }],
    [{ type: "heartbeat", sequence: 1, acknowledged: 0, change: 0, digest: "x", users: 0 }],
    [{ type: "disconnect", username: "ann" }],
    [{ type: "evicted", evictedid: own, incarnation: 2 ** 50 }],
  ];
  for (const said of lines) {
    const cluster = loneServer();
    const ann = cluster.login(own, "ann");
    const stranger = cluster.intrude(own, "a1");
    for (const line of said) stranger.say({ serverid: "a1", ...line });
    const { directory, membership, locks, peers, incarnation } = stateOf(cluster);
    const name = JSON.stringify(said[0]).slice(0, 30);
    assert.equal([directory.size, membership.size, locks.size, peers.size], [0, 0, 0, 0], name);
    assert.equal([ann.closed, stranger.isClosed()], [false, true], name);
    assert.equal(types(stranger.heard), ["error"], name);
    assert.ok(incarnation < 2 ** 50);
  }
});

links("6.5 the answer comes first: serverreply, members, holdings, then what else there is", () => {
  const cluster = loneServer();
  const client = cluster.connect(own);
  new Puppet(cluster, "b1");
  cluster.say(client, { type: "newidentity", identity: "ann", ticket: "ann" });
  const a = new Puppet(cluster, "a1");
  assert.equal(types(a.take()), ["serverreply", "members", "holdings", "lockidentity"]);
  const joining = new Cluster();
  joining.add("s1", []);
  joining.settle();
  joining.hold = (_from, to, { type }) => to === "s2" && type === "holdings";
  joining.add("s2", ["s1"], { mustJoin: true });
  joining.settle();
  assert.equal([joining.state("s1").membership.size, joining.state("s2").membership.size], [1, 0]);
  joining.release();
  assert.is(joining.state("s2").membership.size, 1);
});

links("6.6 lists come in parts, and count when the last is there", () => {
  const cluster = loneServer();
  const rooms = Array.from({ length: listEntriesMax }, (_, n) => ({
    roomid: `r${"abcdefghij"[n % 10]}${n}`,
    claimedat: 5,
  }));
  const peer = new Puppet(cluster, "a1", { rooms: [{ roomid: "old", claimedat: 5 }] });
  peer.say({ ...holdings({ rooms }), last: "false" });
  assert.is(stateOf(cluster).directory.size, 1);
  peer.say(holdings({ rooms: [{ roomid: "end", claimedat: 5 }] }));
  assert.is(stateOf(cluster).directory.size, listEntriesMax + 1);
  assert.not.ok(stateOf(cluster).directory.has(room("old")));
  peer.say({ ...holdings({ rooms: [...rooms, { roomid: "end", claimedat: 5 }] }), last: "false" });
  assert.ok(peer.link.isClosed());
});

links("6.6 what is longer than a part is sent in parts", () => {
  const cluster = loneServer();
  for (let n = 0; n < listEntriesMax + 1; n++) {
    const id = `x${n}`;
    const { state, ...node } = cluster.nodes.get(own) as { state: ReturnType<typeof stateOf> };
    const one = { id, incarnation: 5, status: "dead", leaving: false } as never as object;
    const at = { host: id, port: 1 };
    const member = { ...one, client: at, peer: at } as never;
    const membership = new Map(state.membership).set(id as never, member);
    cluster.nodes.set(own, { ...node, state: { ...state, membership } } as never);
  }
  const a = new Puppet(cluster, "a1");
  const parts = a.take().flatMap((message) => (message.type === "members" ? [message] : []));
  assert.equal(
    parts.map(({ members, last }) => [members.length, last]),
    [
      [listEntriesMax, "false"],
      [2, "true"],
    ],
  );
});

links("6.7 refusals of an introduction: the reason, the highest incarnation, the end", () => {
  const day = 24 * 3_600_000;
  const wallClock = 1_700_000_000_000;
  const cases: readonly [object, string, number][] = [
    [{ version: 2 }, "version", 0],
    [{ partition: "majority" }, "mode", 0],
    [{ incarnation: wallClock + day + 1 }, "incarnation", 0],
  ];
  for (const [different, reason, highest] of cases) {
    const cluster = loneServer();
    const peer = cluster.intrude(own, "a1");
    const model = new Puppet(loneServer(), "a1");
    peer.say({ serverid: "a1", ...model.newserver(different) });
    peer.say({ serverid: "a1", ...holdings({}) });
    const [answer, ...more] = peer.heard;
    if (answer?.type !== "serverreply" || answer.approved === "true") throw new Error("approved");
    assert.equal([answer.reason, answer.incarnation, more], [reason, highest, []]);
    assert.ok(answer.detail.includes("a1") && peer.isClosed());
    assert.is(stateOf(cluster).membership.size, 0);
  }
});

links("6.7 an incarnation that is behind or evicted is told the highest one", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  const older = cluster.intrude(own, "a1");
  const answers = () =>
    older.heard.map((m) => (m.type === "serverreply" && "reason" in m ? m.reason : m.type));
  older.say({ serverid: "a1", ...peer.newserver({ incarnation: 999 }) });
  older.say({ serverid: "a1", ...holdings({}) });
  assert.equal(answers(), ["id-taken"]);
  peer.link.hangUp();
  const late = cluster.intrude(own, "a1");
  late.say({ serverid: "a1", ...peer.newserver({ incarnation: 999 }) });
  late.say({ serverid: "a1", ...holdings({}) });
  const [reply] = late.heard;
  assert.is(
    reply?.type === "serverreply" && reply.approved === "false" && reply.reason,
    "incarnation",
  );
  assert.is(reply?.type === "serverreply" && reply.incarnation, 1_000);
  cluster.advance(10_000);
  assert.is(stateOf(cluster).membership.get("a1" as never)?.status, "dead");
  const evicted = cluster.intrude(own, "a1");
  evicted.say({ serverid: "a1", ...peer.newserver() });
  evicted.say({ serverid: "a1", ...holdings({}) });
  const [told] = evicted.heard;
  assert.is(told?.type === "serverreply" && told.approved === "false" && told.reason, "evicted");
  peer.restart();
  assert.is(incarnationOf(cluster, own, "a1"), 2_000);
});

links(
  "6.8 a newcomer takes clients when it is linked to everybody, nobody else is told by hand",
  () => {
    const cluster = threeServers();
    cluster.hold = (from, to) => from === "s3" && to === "s4";
    cluster.add("s4", ["s1"], { mustJoin: true });
    cluster.settle();
    const early = cluster.connect("s4");
    cluster.say(early, { type: "newidentity", identity: "ann", ticket: "ann" });
    assert.equal([cluster.state("s4").phase, early.heard], ["starting", []]);
    cluster.release();
    assert.ok(isWhole(cluster, ["s1", "s2", "s3", "s4"]));
    assert.is(early.heard[0]?.type === "newidentity" && early.heard[0].approved, "true");
  },
);

links("6.8 a server of a file waits 5 s at most, one that joins gives up after 10 s", () => {
  const cluster = new Cluster();
  cluster.add("s1", ["s2"]);
  cluster.add("s4", ["s9"], { mustJoin: true });
  cluster.advance(4_999);
  assert.equal([cluster.state("s1").phase, cluster.state("s4").phase], ["starting", "starting"]);
  cluster.advance(1);
  assert.is(cluster.state("s1").phase, "serving");
  cluster.advance(5_000);
  assert.equal([cluster.nodes.get("s4")?.up, cluster.state("s4").phase], [false, "stopped"]);
});

links("6.8 a server with an id that is in use gives up, and nobody else is disturbed", () => {
  const cluster = threeServers();
  const ann = cluster.login("s2", "ann");
  cluster.say(ann, { type: "createroom", roomid: "den" });
  const clone = new Cluster();
  assert.ok(clone.nodes.size === 0);
  const thief = cluster.intrude("s1", "s2");
  const { incarnation } = cluster.state("s2");
  const model = new Puppet(loneServer(), "s2");
  thief.say({ serverid: "s2", ...model.newserver({ incarnation: incarnation + 5 }) });
  thief.say({ serverid: "s2", ...holdings({}) });
  cluster.advance(1_500);
  const [reply] = thief.heard;
  assert.is(
    reply?.type === "serverreply" && reply.approved === "false" && reply.reason,
    "id-taken",
  );
  assert.ok(thief.isClosed() && isWhole(cluster, ["s1", "s2", "s3"]));
  assert.ok(cluster.state("s1").directory.has(room("den")) && !ann.closed);
});

links("6.9 a newcomer is asked in a vote that is under way", () => {
  const cluster = threeServers();
  const client = cluster.connect("s1");
  const asked: string[] = [];
  cluster.hold = (from, to, { type }) => {
    if (type === "lockidentity") asked.push(`${from}>${to}`);
    return from === "s2" && type === "lockidentity";
  };
  cluster.say(client, { type: "newidentity", identity: "ann", ticket: "ann" });
  cluster.add("s4", ["s2"], { mustJoin: true });
  cluster.settle();
  assert.ok(asked.includes("s1>s4"));
  cluster.release();
  assert.is(client.heard[0]?.type === "newidentity" && client.heard[0].approved, "true");
});

links(
  "6.10 both ends dial at once: one link stays, dialled by the smaller id, in every order",
  () => {
    const seen = new Set<string>();
    const run = (choose: (lanes: number) => number) => {
      const cluster = new Cluster();
      cluster.choose = choose;
      cluster.add("s1", ["s2"]);
      cluster.add("s2", ["s1"]);
      cluster.settle();
      for (let n = 0; n < 20 && !isWhole(cluster, ["s1", "s2"]); n++) cluster.advance(100);
      assert.ok(isWhole(cluster, ["s1", "s2"]));
      const dialler = [...cluster.state("s1").links.values()][0]?.dialled ? "s1" : "s2";
      const ends = [...cluster.state("s1").links.values()][0]?.dialled;
      assert.is([...cluster.state("s2").links.values()][0]?.dialled, !ends);
      seen.add(`${cluster.now === 0} ${dialler}`);
    };
    const { runs } = everyOrder(3_000, run);
    for (let seed = 0; seed < 300; seed++) run(seeded(seed));
    assert.ok(runs > 100 && seen.has("true s1"));
  },
);

links("6.10 an introduction that was overtaken is late, not new", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  peer.relink();
  peer.take();
  const late = cluster.intrude(own, "a1");
  late.say({ serverid: "a1", ...peer.newserver({ sequence: 1 }) });
  late.say({ serverid: "a1", ...holdings({}) });
  assert.ok(late.isClosed() && !peer.link.isClosed());
  assert.equal(late.heard, []);
});

links("6.11 a higher incarnation waits while the older is asked, and replaces it after 1 s", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1", { rooms: [{ roomid: "den", claimedat: 5 }], change: 1 });
  for (const isAlive of [true, false]) {
    peer.take();
    const newer = cluster.intrude(own, "a1");
    newer.say({ serverid: "a1", ...peer.newserver({ incarnation: 5_000 }) });
    newer.say({ serverid: "a1", ...holdings({}) });
    const [question] = peer.take();
    if (question?.type !== "hearsay") throw new Error("the older one was not asked");
    assert.equal([question.suspectid, question.incarnation], ["a1", 1_000]);
    if (isAlive) peer.say({ ...question, serverid: "a1", heard: "true" });
    wait(cluster, 1_000);
    assert.is(incarnationOf(cluster, own, "a1"), isAlive ? 1_000 : 5_000);
    assert.equal([newer.isClosed(), peer.link.isClosed()], [isAlive, !isAlive]);
  }
  assert.is(stateOf(cluster).directory.size, 0);
});

links("6.12 with a replaced member go its rooms, its locks and its moves", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1", { rooms: [{ roomid: "den", claimedat: 5 }], change: 1 });
  const { clock } = stateOf(cluster);
  peer.say({ type: "lockidentity", identity: "bob", stamp: clock + 1 });
  assert.equal([stateOf(cluster).directory.size, stateOf(cluster).locks.size], [1, 1]);
  peer.restart();
  assert.equal([stateOf(cluster).directory.size, stateOf(cluster).locks.size], [0, 0]);
  assert.ok(cluster.events.some(({ event }) => event.event === "member-replaced"));
});

links("6.13 a broken link is made anew after a pause that grows", () => {
  const cluster = threeServers();
  const tries: number[] = [];
  cluster.dialOutcome = (from, to) => {
    if (from !== "s1" || to !== "s2") return { type: "silent" };
    tries.push(cluster.now);
    return { type: "silent" };
  };
  cluster.cut("s1", "s2");
  cluster.advance(3_500);
  assert.ok(tries.length >= 2 && (tries[0] ?? 0) >= 100 && (tries[0] ?? 0) <= 200);
  cluster.dialOutcome = () => undefined;
  cluster.advance(6_000);
  assert.ok(isWhole(cluster, ["s1", "s2", "s3"]));
});

links("6.13 after a link that lasted, the pauses begin anew", () => {
  const cluster = threeServers();
  cluster.advance(1_000);
  const peer = "s2" as ServerId;
  const state = changePeer(cluster.state("s1"), peer, { failures: 5 });
  const link = state.peers.get(peer)?.link as ConnectionId;
  const lost = linkLost(state, link);
  assert.ok(lost.effects.some(({ type }) => type === "dial"));
  assert.is(lost.state.peers.get(peer)?.failures, 0);
});

links("6.14 made anew: no identities, the rooms replace, unnamed attempts are dropped", () => {
  const cluster = loneServer();
  cluster.login(own, "ann");
  const first = new Puppet(cluster, "a1", { rooms: [{ roomid: "den", claimedat: 5 }], change: 1 });
  const held = (peer: Puppet) =>
    peer.take().flatMap((message) => (message.type === "holdings" ? [message.identities] : []));
  const [identities] = held(first);
  assert.equal(
    identities?.map(({ identity }) => identity),
    ["ann"],
  );
  const { clock } = stateOf(cluster);
  first.say({ type: "lockidentity", identity: "bob", stamp: clock + 1 });
  first.say({ type: "lockroomid", roomid: "lab", stamp: clock + 2 });
  const attempts = [{ kind: "room", name: "lab", stamp: clock + 2 }];
  first.relink({ rooms: [{ roomid: "hut", claimedat: 5 }], attempts, change: 2 });
  assert.equal(held(first), [[]]);
  const { directory, locks } = stateOf(cluster);
  assert.equal([[...directory.keys()], [...locks.keys()]], [["hut"], ["room:lab"]]);
});

links("6.14 a deletion that was under way when the link broke is not lost", () => {
  for (const type of ["deleteroom", "releaseroomid"]) {
    const cluster = threeServers();
    const ann = cluster.login("s1", "ann");
    cluster.hold = (_from, to, message) => message.type === type && to === "s2";
    cluster.say(ann, { type: "createroom", roomid: "den" });
    if (type === "deleteroom") cluster.say(ann, { type: "deleteroom", roomid: "den" });
    cluster.cut("s1", "s2");
    cluster.release();
    cluster.advance(3_000);
    for (const id of ["s2", "s3"]) {
      assert.is(cluster.state(id).directory.has(room("den")), type === "releaseroomid", id);
    }
    assert.ok(isWhole(cluster, ["s1", "s2", "s3"]));
  }
});

links("6.15 who has missed a change of rooms hears of it by heartbeat, and asks", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1", { change: 4 });
  peer.take();
  const beat = { acknowledged: 0, digest: "x", users: 0 };
  peer.say({ type: "heartbeat", sequence: 1, change: 4, ...beat });
  assert.not.ok(types(peer.take()).includes("askrooms"));
  const stamp = stateOf(cluster).clock + 1;
  const room5 = { roomid: "den", stamp, approved: "true", claimedat: 5, change: 5 };
  peer.say({ type: "releaseroomid", ...room5 });
  peer.say({ type: "deleteroom", roomid: "den", change: 6 });
  peer.say({ type: "heartbeat", sequence: 2, change: 6, ...beat });
  assert.not.ok(types(peer.take()).includes("askrooms"));
  peer.say({ type: "heartbeat", sequence: 3, change: 8, ...beat });
  assert.ok(types(peer.take()).includes("askrooms"));
  peer.say(holdings({ rooms: [{ roomid: "hut", claimedat: 5 }], change: 8 }));
  peer.say({ type: "heartbeat", sequence: 4, change: 8, ...beat });
  assert.not.ok(types(peer.take()).includes("askrooms"));
  assert.equal([...stateOf(cluster).directory.keys()], ["hut"]);
  peer.say({ type: "askrooms" });
  assert.equal(types(peer.take()), ["holdings"]);
});

links("6.16 only its own server deletes a room", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  cluster.say(ann, { type: "createroom", roomid: "home" });
  new Puppet(cluster, "b1", { rooms: [{ roomid: "den", claimedat: 5 }], change: 1 });
  const liar = new Puppet(cluster, "a1");
  for (const roomid of ["home", "den", "nowhere"]) {
    liar.say({ type: "deleteroom", roomid, change: 1 });
  }
  assert.ok(stateOf(cluster).rooms.has(room("home")));
  assert.is(stateOf(cluster).directory.get(room("den"))?.server, "b1");
});

links("6.16 of two records for one room the older claim stays", () => {
  for (const [later, stays] of [
    [6, "b1"],
    [5, "a1"],
    [4, "a1"],
  ] as const) {
    const cluster = loneServer();
    new Puppet(cluster, "b1", { rooms: [{ roomid: "den", claimedat: 5 }], change: 1 });
    new Puppet(cluster, "a1", { rooms: [{ roomid: "den", claimedat: later }], change: 1 });
    assert.is(stateOf(cluster).directory.get(room("den"))?.server, stays);
  }
});

links("6.17 a server takes no link to itself", () => {
  const cluster = loneServer();
  const self = cluster.intrude(own, own);
  assert.ok(self.isClosed());
  assert.is(stateOf(cluster).links.size, 0);
});

links("6.18 a stamp from the far future cuts off", () => {
  const cluster = loneServer();
  const day = 24 * 3_600_000;
  for (const [ahead, isClosed] of [
    [day, false],
    [day + 1_000, true],
  ] as const) {
    const peer = new Puppet(cluster, isClosed ? "a1" : "b1");
    const { clock } = stateOf(cluster);
    peer.say({ type: "lockidentity", identity: "bob", stamp: clock + ahead });
    assert.is(peer.link.isClosed(), isClosed);
    assert.is(stateOf(cluster).clock, clock + (isClosed ? 0 : ahead));
  }
});

links(
  "6.9 a server that restarts under a higher incarnation is a member again, without names",
  () => {
    const cluster = threeServers();
    const ann = cluster.login("s2", "ann");
    cluster.say(ann, { type: "createroom", roomid: "den" });
    cluster.crash("s2");
    cluster.advance(50);
    cluster.add("s2", ["s1", "s3"]);
    cluster.advance(3_000);
    assert.ok(isWhole(cluster, ["s1", "s2", "s3"]));
    const again = cluster.login("s3", "ann");
    cluster.say(again, { type: "createroom", roomid: "den" });
    assert.is(again.heard[0]?.type === "createroom" && again.heard[0].approved, "true");
    assert.is(incarnationOf(cluster, "s1", "s2"), cluster.state("s2").incarnation);
  },
);

links("6.8 servers of a file find each other in whatever order things happen", () => {
  for (let seed = 0; seed < 60; seed++) {
    const cluster = new Cluster();
    cluster.choose = seeded(seed);
    const ids = ["s1", "s2", "s3", "s4"];
    for (const id of ids)
      cluster.add(
        id,
        ids.filter((other) => other !== id),
      );
    cluster.settle();
    for (let n = 0; n < 40 && !isWhole(cluster, ids); n++) cluster.advance(100);
    assert.ok(isWhole(cluster, ids), `seed ${seed}`);
  }
});

links(
  "6.8 newcomers that join at the same time through different members all find each other",
  () => {
    for (let seed = 0; seed < 40; seed++) {
      const cluster = serversOfFile(["s1", "s2"]);
      cluster.choose = seeded(seed);
      cluster.add("s3", ["s1"], { mustJoin: true });
      cluster.add("s4", ["s2"], { mustJoin: true });
      cluster.add("s5", ["s3"], { mustJoin: true });
      const ids = ["s1", "s2", "s3", "s4", "s5"];
      for (let n = 0; n < 60 && !isWhole(cluster, ids); n++) cluster.advance(100);
      assert.ok(isWhole(cluster, ids), `seed ${seed}`);
    }
  },
);

links("6.8 a newcomer takes nobody in before it has been taken in itself", () => {
  for (const pauseMs of [0, 500, 2_000]) {
    const cluster = threeServers();
    const isCutOff = () => cluster.now < 3_000;
    cluster.dialOutcome = (from) => (from === "s4" && isCutOff() ? { type: "silent" } : undefined);
    cluster.add("s4", ["s1"], { mustJoin: true });
    cluster.advance(pauseMs);
    cluster.add("s5", ["s4"], { mustJoin: true });
    cluster.advance(2_900 - pauseMs);
    assert.equal([cluster.state("s4").phase, cluster.state("s5").phase], ["starting", "starting"]);
    cluster.advance(6_000);
    assert.ok(isWhole(cluster, ["s1", "s2", "s3", "s4", "s5"]));
  }
});

links("6.11 nobody is driven to an incarnation that no clock can have", () => {
  const cluster = loneServer();
  const { incarnation } = stateOf(cluster);
  const liar = new Puppet(cluster, "a1");
  liar.say({ type: "evicted", evictedid: own, incarnation: 2 ** 52 });
  liar.introduce({}, { evicted: 2 ** 52 });
  assert.ok(stateOf(cluster).incarnation < incarnation + 1_000);
});

links("6.13 a server of the own file is dialled where the file says, whatever it tells", () => {
  const cluster = new Cluster();
  const address = { host: "detour", port: 7777 };
  cluster.add("s1", [], { contacts: [{ serverid: "s2" as never, address }] });
  cluster.add("s2", ["s1"]);
  cluster.advance(6_000);
  assert.is(cluster.state("s1").membership.get("s2" as never)?.peer.host, "s2");
  assert.equal(cluster.state("s1").peers.get("s2" as never)?.address, address);
});

links.run();
