/**
 * PROTOCOL.md section 3: who hears what, line by line and in which order; one test a rule.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ClientReply } from "../lib/wire/client-messages.ts";
import { clientReplies, clientRequests } from "../lib/wire/client-messages.ts";
import { parseMessage } from "../lib/wire/codec.ts";
import type { PeerMessage } from "../lib/wire/server-messages.ts";
import { type Cluster, type TestClient, threeServers } from "./support/cluster.ts";
import { loneServer, own, Puppet, room, stateOf } from "./support/puppet.ts";
import { tableAfter, words } from "./support/tables.ts";

const rooms = suite("protocol 3");

const change = (identity: string, former: string, roomid: string): object => ({
  type: "roomchange",
  identity,
  former,
  roomid,
});
const refused = (identity: string, roomid: string, reason: string): object => ({
  ...change(identity, roomid, roomid),
  reason,
});

/** Everything that the server said on its link to the puppet, as types with what matters. */
function told(peer: Puppet): readonly string[] {
  return peer.take().map((message: PeerMessage) => {
    const approved = "approved" in message ? ` ${message.approved}` : "";
    return `${message.type}${approved}`;
  });
}

/** Users of one server, whose logins nobody listens to any longer. */
function users(cluster: Cluster, server: string, ...names: readonly string[]): TestClient[] {
  const clients = names.map((name) => cluster.login(server, name));
  for (const client of clients) cluster.take(client);
  return clients;
}

function types(replies: readonly ClientReply[]): readonly string[] {
  return replies.map(({ type }) => type);
}

rooms("3.1 the requests are those of the table", () => {
  const table = tableAfter("**3.1**");
  assert.equal([...clientRequests.keys()].sort(), [...words(table, 0)].sort());
  for (const [type = "", fields = ""] of table.rows) {
    const [name = ""] = words({ columns: [], rows: [[type]] }, 0);
    const required = { join: ["roomid"], joinroom: ["roomid"], message: ["content"] };
    const needed =
      required[name as keyof typeof required] ?? words({ columns: [], rows: [[fields]] }, 0);
    const line = Object.fromEntries([["type", name], ...needed.map((key) => [key, "x"])]);
    assert.ok(parseMessage(clientRequests, JSON.stringify(line)).ok, name);
  }
  const join = parseMessage(clientRequests, '{"type":"joinroom","roomid":"den"}');
  assert.equal(join, { ok: true, value: { type: "join", roomid: "den" } });
  const pass = '{"type":"movejoin","former":"a","roomid":"b","identity":"c","username":"p"}';
  const moved = parseMessage(clientRequests, pass);
  assert.is(moved.ok && moved.value.type === "movejoin" && moved.value.ticket, "p");
});

rooms("3.2 the answers are those of the table", () => {
  assert.equal([...clientReplies.keys()].sort(), [...words(tableAfter("**3.2**"), 0)].sort());
});

rooms("3.3 login: newidentity true, then the roomchange, which the hall hears too", () => {
  const cluster = loneServer();
  const [bob] = users(cluster, own, "bob") as [TestClient];
  const peer = new Puppet(cluster, "a1");
  const ann = cluster.connect(own);
  peer.take();
  cluster.say(ann, { type: "newidentity", identity: "ann", ticket: "ann" });
  assert.equal(told(peer), ["lockidentity"]);
  peer.say({
    type: "lockidentity",
    identity: "ann",
    stamp: stateOf(cluster).clock,
    locked: "true",
  });
  const hall = `MainHall-${own}`;
  assert.equal(ann.heard, [{ type: "newidentity", approved: "true" }, change("ann", "", hall)]);
  assert.equal(bob.heard, [change("ann", "", hall)]);
  assert.equal(told(peer), ["releaseidentity"]);
});

rooms("3.4 login refused: one line and the end, checks in their order, nobody else hears", () => {
  const cluster = threeServers();
  const [bob] = users(cluster, "s1", "bob") as [TestClient];
  const where = { authhost: "auth", authport: "4440" };
  const tries: readonly [object, object][] = [
    [{ identity: "x!" }, { reason: "identity-invalid" }],
    [{ identity: "ann" }, { reason: "login-required", ...where }],
    [{ identity: "ann", ticket: "bad" }, { reason: "ticket-invalid" }],
    [{ identity: "bob", ticket: "bad" }, { reason: "ticket-invalid" }],
    [{ identity: "bob", ticket: "bob" }, { reason: "identity-in-use" }],
  ];
  for (const server of ["s1", "s2"]) {
    for (const [request, answer] of tries) {
      const client = cluster.connect(server);
      cluster.say(client, { type: "newidentity", ...request });
      assert.equal(client.heard, [{ type: "newidentity", approved: "false", ...answer }]);
      assert.ok(client.closed);
    }
  }
  assert.equal(bob.heard, []);
});

rooms("3.5 list: all rooms of all servers, once", () => {
  const cluster = threeServers();
  const [ann, bob] = [...users(cluster, "s1", "ann"), ...users(cluster, "s2", "bob")] as [
    TestClient,
    TestClient,
  ];
  cluster.say(ann, { type: "createroom", roomid: "den" });
  for (const client of [ann, bob]) {
    cluster.take(client);
    cluster.say(client, { type: "list" });
    const [list] = client.heard;
    const all = ["MainHall-s1", "MainHall-s2", "MainHall-s3", "den"];
    assert.equal(list?.type === "roomlist" && [...list.rooms].sort(), all);
  }
});

rooms("3.6 who: my room, everybody in it once, its owner", () => {
  const cluster = loneServer();
  const [ann, bob] = users(cluster, own, "ann", "bob") as [TestClient, TestClient];
  cluster.say(ann, { type: "createroom", roomid: "den" });
  cluster.say(bob, { type: "join", roomid: "den" });
  cluster.take(bob);
  cluster.say(bob, { type: "who" });
  const [contents] = bob.heard;
  if (contents?.type !== "roomcontents") throw new Error("no roomcontents");
  assert.equal([...contents.identities].sort(), ["ann", "bob"]);
  assert.equal([contents.roomid, contents.owner], ["den", "ann"]);
});

rooms("3.7 servers: this one and every member, where clients reach them", () => {
  const cluster = threeServers();
  const [ann] = users(cluster, "s2", "ann") as [TestClient];
  cluster.say(ann, { type: "servers" });
  const [reply] = ann.heard;
  const all = ["s1", "s2", "s3"].map((serverid) => {
    const [host, port, status] = [serverid, "4444", "alive"];
    return { serverid, host, port, status };
  });
  const servers = reply?.type === "servers" ? [...reply.servers] : [];
  assert.equal(
    servers.sort((a, b) => (a.serverid < b.serverid ? -1 : 1)),
    all,
  );
});

rooms("3.8 createroom: the approval, then one roomchange, which the old room hears", () => {
  const cluster = loneServer();
  const [ann, bob] = users(cluster, own, "ann", "bob") as [TestClient, TestClient];
  const peer = new Puppet(cluster, "a1");
  peer.take();
  cluster.take(ann);
  cluster.say(ann, { type: "createroom", roomid: "den" });
  assert.equal([ann.heard, told(peer)], [[], ["lockroomid"]]);
  peer.say({ type: "lockroomid", roomid: "den", stamp: stateOf(cluster).clock, locked: "true" });
  const moved = change("ann", `MainHall-${own}`, "den");
  assert.equal(ann.heard, [{ type: "createroom", roomid: "den", approved: "true" }, moved]);
  assert.equal(bob.heard, [moved]);
  assert.equal(told(peer), ["releaseroomid true"]);
  assert.is(stateOf(cluster).rooms.get(room("den"))?.owner, "ann");
});

rooms("3.9 createroom refused: one line, checks in their order, I stay", () => {
  const cluster = threeServers();
  const [ann, bob, cat] = [
    ...users(cluster, "s1", "ann", "bob"),
    ...users(cluster, "s2", "cat"),
  ] as [TestClient, TestClient, TestClient];
  cluster.say(ann, { type: "createroom", roomid: "den" });
  for (const client of [ann, bob]) cluster.take(client);
  const tries: readonly [TestClient, string, string][] = [
    [ann, "x!", "room-invalid"],
    [ann, "lab", "owns-room"],
    [ann, "den", "owns-room"],
    [bob, "den", "room-exists"],
    [cat, "den", "room-exists"],
  ];
  for (const [client, roomid, reason] of tries) {
    cluster.say(client, { type: "createroom", roomid });
    assert.equal(cluster.take(client), [{ type: "createroom", roomid, approved: "false", reason }]);
  }
  assert.equal([ann.heard, bob.heard, cat.heard], [[], [], []]);
  assert.is(cluster.state("s1").sessions.get("bob" as never)?.roomid, "MainHall-s1");
});

rooms("3.9 createroom refused by the vote: the reason of the voter", () => {
  for (const [vote, reason] of [
    [{}, "room-exists"],
    [{ reason: "no-quorum" }, "no-quorum"],
  ] as const) {
    const cluster = loneServer();
    const [ann] = users(cluster, own, "ann") as [TestClient];
    const peer = new Puppet(cluster, "a1");
    peer.take();
    cluster.say(ann, { type: "createroom", roomid: "den" });
    const { clock: stamp } = stateOf(cluster);
    peer.say({ type: "lockroomid", roomid: "den", stamp, locked: "false", ...vote });
    assert.equal(ann.heard, [{ type: "createroom", roomid: "den", approved: "false", reason }]);
    assert.equal(told(peer), ["lockroomid", "releaseroomid false"]);
  }
});

rooms("3.10 join on the same server: one roomchange for me, the old and the new room", () => {
  const cluster = loneServer();
  const [ann, bob, cat] = users(cluster, own, "ann", "bob", "cat") as [
    TestClient,
    TestClient,
    TestClient,
  ];
  cluster.say(ann, { type: "createroom", roomid: "den" });
  for (const client of [ann, bob, cat]) cluster.take(client);
  for (const type of ["join", "joinroom"]) {
    cluster.say(bob, { type, roomid: "den" });
    const line = change("bob", `MainHall-${own}`, "den");
    for (const client of [ann, bob, cat]) assert.equal(cluster.take(client), [line]);
    cluster.say(bob, { type: "join", roomid: `MainHall-${own}` });
    for (const client of [ann, bob, cat]) cluster.take(client);
  }
});

rooms(
  "3.11 join elsewhere: route; roomchange for the old room; serverchange first over there",
  () => {
    const cluster = threeServers();
    const [ann, bob] = users(cluster, "s1", "ann", "bob") as [TestClient, TestClient];
    const [cat] = users(cluster, "s2", "cat") as [TestClient];
    cluster.take(ann);
    cluster.say(ann, { type: "join", roomid: "MainHall-s2" });
    const [route, ...more] = cluster.take(ann);
    assert.equal(more, []);
    if (route?.type !== "route") throw new Error("no route");
    const { ticket, username, ...where } = route;
    assert.equal(where, { type: "route", roomid: "MainHall-s2", host: "s2", port: "4444" });
    assert.is(ticket, username);
    assert.equal(cluster.take(bob), [change("ann", "MainHall-s1", "MainHall-s2")]);
    assert.equal(cat.heard, []);
    const over = cluster.connect("s2");
    const [former, roomid, identity] = ["MainHall-s1", "MainHall-s2", "ann"];
    cluster.say(over, { type: "movejoin", former, roomid, identity, ticket });
    const line = change("ann", former, roomid);
    const first = { type: "serverchange", approved: "true", serverid: "s2" };
    assert.equal([over.heard, cat.heard, bob.heard], [[first, line], [line], []]);
    assert.ok(ann.closed);
  },
);

rooms("3.12 join refused: one roomchange that names my room, checks in their order", () => {
  const cluster = threeServers();
  const [ann, bob] = users(cluster, "s1", "ann", "bob") as [TestClient, TestClient];
  cluster.say(ann, { type: "createroom", roomid: "den" });
  cluster.take(ann);
  cluster.take(bob);
  const tries: readonly [string, string][] = [
    ["nowhere", "no-such-room"],
    ["MainHall-s9", "no-such-room"],
    ["den", "already-there"],
    ["MainHall-s1", "owns-room"],
    ["MainHall-s2", "owns-room"],
  ];
  for (const [roomid, reason] of tries) {
    cluster.say(ann, { type: "join", roomid });
    assert.equal(cluster.take(ann), [refused("ann", "den", reason)]);
  }
  cluster.dialOutcome = () => ({ type: "silent" });
  cluster.cut("s1", "s3");
  cluster.say(bob, { type: "join", roomid: "MainHall-s3" });
  assert.equal(cluster.take(bob), [refused("bob", "MainHall-s1", "unreachable")]);
  assert.equal([ann.heard, bob.heard], [[], []]);
});

rooms("3.12 join refused by the target, or because it leaves", () => {
  const cluster = loneServer();
  const [ann] = users(cluster, own, "ann") as [TestClient];
  const peer = new Puppet(cluster, "t9");
  cluster.say(ann, { type: "join", roomid: "MainHall-t9" });
  const move = stateOf(cluster).sessions.get("ann" as never)?.move?.number ?? 0;
  const answer = { identity: "ann", move, approved: "false", reason: "identity-in-use" };
  peer.say({ type: "moveidentity", ...answer });
  assert.equal(cluster.take(ann), [refused("ann", `MainHall-${own}`, "identity-in-use")]);
  peer.say({ type: "leaving", incarnation: 1_000 });
  cluster.say(ann, { type: "join", roomid: "MainHall-t9" });
  assert.equal(cluster.take(ann), [refused("ann", `MainHall-${own}`, "draining")]);
});

rooms("3.13 joining one's own room is refused", () => {
  const cluster = loneServer();
  const [ann, bob] = users(cluster, own, "ann", "bob") as [TestClient, TestClient];
  cluster.take(ann);
  cluster.say(ann, { type: "join", roomid: `MainHall-${own}` });
  assert.equal(ann.heard, [refused("ann", `MainHall-${own}`, "already-there")]);
  assert.equal(bob.heard, []);
});

rooms("3.14 deleteroom: one roomchange per member for all concerned, then the approval", () => {
  const cluster = loneServer();
  const names = ["ann", "bob", "cat", "dan"];
  const clients = users(cluster, own, ...names) as [TestClient, TestClient, TestClient, TestClient];
  const [ann, bob, cat, dan] = clients;
  cluster.say(ann, { type: "createroom", roomid: "den" });
  for (const client of [bob, cat]) cluster.say(client, { type: "join", roomid: "den" });
  const peer = new Puppet(cluster, "a1");
  peer.take();
  for (const client of clients) cluster.take(client);
  cluster.say(ann, { type: "deleteroom", roomid: "den" });
  const byName = (one: object, other: object) =>
    JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
  const lines = ["ann", "bob", "cat"].map((name) => change(name, "den", `MainHall-${own}`));
  for (const client of [bob, cat, dan]) assert.equal([...client.heard].sort(byName), lines);
  assert.equal(ann.heard.slice(0, 3).sort(byName), lines);
  assert.equal(ann.heard.slice(3), [{ type: "deleteroom", roomid: "den", approved: "true" }]);
  assert.equal(told(peer), ["deleteroom"]);
  assert.is(stateOf(cluster).rooms.size, 1);
});

rooms("3.15 deleteroom refused: unknown, another's, a remote one, a main hall", () => {
  const cluster = threeServers();
  const [ann, bob] = users(cluster, "s1", "ann", "bob") as [TestClient, TestClient];
  const [cat] = users(cluster, "s2", "cat") as [TestClient];
  cluster.say(ann, { type: "createroom", roomid: "den" });
  cluster.say(bob, { type: "join", roomid: "den" });
  for (const client of [ann, bob, cat]) cluster.take(client);
  const tries: readonly [TestClient, string, string][] = [
    [bob, "nowhere", "no-such-room"],
    [bob, "den", "not-owner"],
    [cat, "den", "not-owner"],
    [ann, "MainHall-s1", "not-owner"],
    [ann, "MainHall-s2", "not-owner"],
  ];
  for (const [client, roomid, reason] of tries) {
    cluster.say(client, { type: "deleteroom", roomid });
    assert.equal(cluster.take(client), [{ type: "deleteroom", roomid, approved: "false", reason }]);
  }
  assert.equal([ann.heard, bob.heard, cat.heard], [[], [], []]);
});

rooms("3.16 a message reaches everybody else in the room, whatever it says", () => {
  const cluster = loneServer();
  const [ann, bob, cat, dan] = users(cluster, own, "ann", "bob", "cat", "dan") as [
    TestClient,
    TestClient,
    TestClient,
    TestClient,
  ];
  cluster.say(dan, { type: "createroom", roomid: "den" });
  for (const client of [ann, bob, cat, dan]) cluster.take(client);
  for (const content of [
    "hello",
    "",
    " x ",
    '"}\n{"type":"quit"}',
    "käse \u0000",
    "x".repeat(7_000),
  ]) {
    cluster.say(ann, { type: "message", content });
    const line = { type: "message", identity: "ann", content };
    for (const client of [bob, cat]) assert.equal(cluster.take(client), [line]);
    assert.equal([ann.heard, dan.heard], [[], []]);
  }
});

rooms("3.17 quit: the farewell to me and the room, then the end", () => {
  const cluster = threeServers();
  const [ann, bob] = users(cluster, "s1", "ann", "bob") as [TestClient, TestClient];
  cluster.take(ann);
  cluster.say(ann, { type: "quit" });
  const line = change("ann", "MainHall-s1", "");
  assert.equal([ann.heard, ann.closed, bob.heard], [[line], true, [line]]);
  assert.not.ok(cluster.login("s2", "ann").closed);
});

rooms("3.18 quit of an owner: the farewell, then the room goes, no deleteroom to me", () => {
  const cluster = loneServer();
  const [ann, bob, cat] = users(cluster, own, "ann", "bob", "cat") as [
    TestClient,
    TestClient,
    TestClient,
  ];
  cluster.say(ann, { type: "createroom", roomid: "den" });
  cluster.say(bob, { type: "join", roomid: "den" });
  const peer = new Puppet(cluster, "a1");
  peer.take();
  for (const client of [ann, bob, cat]) cluster.take(client);
  cluster.say(ann, { type: "quit" });
  const farewell = change("ann", "den", "");
  const moved = change("bob", "den", `MainHall-${own}`);
  assert.equal([ann.heard, bob.heard, cat.heard], [[farewell], [farewell, moved], [moved]]);
  assert.equal(told(peer), ["deleteroom"]);
});

rooms("3.19 before login everything is an error, and changes nothing", () => {
  const cluster = threeServers();
  const [bob] = users(cluster, "s1", "bob") as [TestClient];
  const stranger = cluster.connect("s1");
  const before = cluster.state("s1");
  const lines = [
    ...["list", "who", "servers", "quit"].map((type) => ({ type })),
    ...["createroom", "join", "joinroom", "deleteroom"].map((type) => ({ type, roomid: "den" })),
    { type: "message", content: "hi" },
  ];
  for (const line of lines) {
    cluster.say(stranger, line);
    const [error, ...more] = cluster.take(stranger);
    assert.is(error?.type === "error" && error.reason, "login-required", line.type);
    assert.equal(more, []);
  }
  assert.equal([bob.heard, stranger.closed], [[], false]);
  const { rooms: known, sessions, locks } = cluster.state("s1");
  assert.ok(known === before.rooms && sessions === before.sessions && locks === before.locks);
  cluster.say(stranger, { type: "newidentity", identity: "ann", ticket: "ann" });
  assert.equal(types(stranger.heard), ["newidentity", "roomchange"]);
});

rooms("3.20 a second newidentity or a movejoin is an error, and changes nothing", () => {
  const cluster = threeServers();
  const [ann] = users(cluster, "s1", "ann") as [TestClient];
  const [former, roomid] = ["x", "y"];
  for (const line of [
    { type: "newidentity", identity: "bob", ticket: "bob" },
    { type: "newidentity", identity: "ann", ticket: "ann" },
    { type: "newidentity", identity: "x!" },
    { type: "movejoin", former, roomid, identity: "bob", ticket: "t" },
  ]) {
    cluster.say(ann, line);
    const [error] = cluster.take(ann);
    assert.is(error?.type === "error" && error.reason, "already-logged-in");
    assert.not.ok(ann.closed);
  }
  const { sessions } = cluster.state("s1");
  assert.equal([...sessions.keys()], ["ann"]);
});

rooms("3.21 a lost connection is a quit without an answer, also during a vote", () => {
  const cluster = loneServer();
  const [ann, bob, cat] = users(cluster, own, "ann", "bob", "cat") as [
    TestClient,
    TestClient,
    TestClient,
  ];
  cluster.say(ann, { type: "createroom", roomid: "den" });
  cluster.say(bob, { type: "join", roomid: "den" });
  for (const client of [bob, cat]) cluster.take(client);
  cluster.hangUp(ann);
  const moved = change("bob", "den", `MainHall-${own}`);
  assert.equal(
    [cluster.take(bob), cluster.take(cat)],
    [[change("ann", "den", ""), moved], [moved]],
  );
  const peer = new Puppet(cluster, "a1");
  peer.take();
  cluster.say(bob, { type: "createroom", roomid: "lab" });
  cluster.hangUp(bob);
  assert.equal(told(peer), ["lockroomid", "releaseroomid false"]);
  assert.equal(cluster.take(cat), [change("bob", `MainHall-${own}`, "")]);
  const { claims, locks, clients } = stateOf(cluster);
  assert.equal([claims.size, locks.size, clients.size], [0, 0, 1]);
});

rooms("3.22 after a refused login nothing more is served", () => {
  const cluster = threeServers();
  for (const first of [
    { type: "newidentity", identity: "ann", ticket: "bad" },
    { type: "movejoin", former: "a", roomid: "b", identity: "ann", ticket: "none" },
  ]) {
    const client = cluster.connect("s1");
    cluster.say(client, first, false);
    cluster.say(client, { type: "newidentity", identity: "ann", ticket: "ann" }, false);
    cluster.say(client, { type: "list" });
    assert.is(client.heard.length, 1);
    assert.not.ok(cluster.state("s1").sessions.has("ann" as never));
  }
});

rooms("3.23 an owner has one room and stays with it", () => {
  const cluster = threeServers();
  const [ann] = users(cluster, "s1", "ann") as [TestClient];
  cluster.say(ann, { type: "createroom", roomid: "den" });
  cluster.take(ann);
  for (const line of [
    { type: "createroom", roomid: "lab" },
    { type: "join", roomid: "MainHall-s1" },
    { type: "join", roomid: "MainHall-s3" },
  ]) {
    cluster.say(ann, line);
    const [reply] = cluster.take(ann);
    assert.is(reply !== undefined && "reason" in reply && reply.reason, "owns-room");
  }
  assert.is(cluster.state("s1").rooms.get("den" as never)?.owner, "ann");
});

rooms("3.24 joins and the deletion of the room: nobody is left in a room that is gone", () => {
  for (const first of ["join", "delete"]) {
    const cluster = loneServer();
    const [ann, bob] = users(cluster, own, "ann", "bob") as [TestClient, TestClient];
    cluster.say(ann, { type: "createroom", roomid: "den" });
    cluster.take(bob);
    const join = () => cluster.say(bob, { type: "join", roomid: "den" }, false);
    const leave = () => cluster.say(ann, { type: "quit" }, false);
    for (const act of first === "join" ? [join, leave] : [leave, join]) act();
    cluster.settle();
    const hall = `MainHall-${own}`;
    assert.is(stateOf(cluster).sessions.get("bob" as never)?.roomid, hall);
    const last =
      first === "join" ? change("bob", "den", hall) : refused("bob", hall, "no-such-room");
    assert.equal(bob.heard.at(-1), last);
  }
});

rooms("3.25 a list shows the state at its place among the answers", () => {
  const cluster = threeServers();
  const [ann] = users(cluster, "s1", "ann") as [TestClient];
  cluster.take(ann);
  for (const line of [
    { type: "createroom", roomid: "den" },
    { type: "list" },
    { type: "deleteroom", roomid: "den" },
    { type: "list" },
  ]) {
    cluster.say(ann, line, false);
  }
  cluster.settle();
  const lists = ann.heard.flatMap((reply) => (reply.type === "roomlist" ? [reply.rooms] : []));
  assert.equal(
    lists.map((known) => known.includes(room("den"))),
    [true, false],
  );
});

rooms.run();
