/**
 * PROTOCOL.md section 8: leaving, parts that meet again, and majority mode; one test a rule.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ServerConfig } from "../lib/server/config.ts";
import type { ClientReply } from "../lib/wire/client-messages.ts";
import { type Cluster, serversOfFile, type TestClient } from "./support/cluster.ts";

const ids = ["s1", "s2", "s3"];

function peaceful(change: Partial<ServerConfig> = {}): Cluster {
  const cluster = serversOfFile(ids, change);
  cluster.advance(3_000);
  return cluster;
}

/** Cuts one server off from all others. */
function cutOff(cluster: Cluster, id: string, outcome: "silent" | "refused" = "silent"): void {
  const isCut = (from: string, to: string) => (from === id) !== (to === id);
  cluster.hold = isCut;
  cluster.dialOutcome = (from, to) => (isCut(from, to) ? { type: outcome } : undefined);
}

function heal(cluster: Cluster): void {
  cluster.dialOutcome = () => undefined;
  cluster.release();
  cluster.advance(5_000);
}

function route(replies: readonly ClientReply[]): Extract<ClientReply, { type: "route" }> {
  const found = replies.find((reply) => reply.type === "route");
  if (found?.type !== "route") throw new Error(`no route in ${JSON.stringify(replies)}`);
  return found;
}

function follow(cluster: Cluster, identity: string, to: ReturnType<typeof route>): TestClient {
  const client = cluster.connect(to.host);
  const { roomid, ticket } = to;
  cluster.say(client, { type: "movejoin", former: "", roomid, identity, ticket });
  return client;
}

const leaving = suite("protocol 8, leaving");

leaving(
  "8.16 its rooms are deleted, its users are spread over the others, and nobody is lost",
  () => {
    const cluster = peaceful();
    const users = Array.from({ length: 10 }, (_, n) => cluster.login("s2", `user${n}`));
    cluster.say(users[0] as TestClient, { type: "createroom", roomid: "jokes" });
    for (const user of users) cluster.take(user);
    cluster.input("s2", { type: "command", command: "drain" });
    cluster.settle();
    const routes = users.map((user) => route(cluster.take(user)));
    assert.is(routes.filter(({ host }) => host === "s1").length, 5);
    const moved = routes.map((to, n) => follow(cluster, `user${n}`, to));
    for (const client of moved) {
      assert.equal((cluster.take(client)[0] as { approved?: string }).approved, "true");
    }
    cluster.advance(300);
    assert.is(cluster.state("s2").phase, "stopped");
    for (const id of ["s1", "s3"]) {
      assert.is(cluster.state(id).membership.get("s2" as never)?.status, "left");
      assert.not(cluster.state(id).peers.has("s2" as never));
      assert.is(cluster.state(id).directory.size, 0);
    }
  },
);

leaving("8.16 who drains refuses logins and arrivals, and still votes", () => {
  const cluster = peaceful();
  const stays = cluster.login("s2", "stays");
  cluster.input("s2", { type: "command", command: "drain" });
  cluster.settle();
  const late = cluster.connect("s2");
  cluster.say(late, { type: "newidentity", identity: "late", ticket: "late" });
  assert.is((cluster.take(late)[0] as { reason?: string }).reason, "draining");
  const client = cluster.login("s1", "stays2");
  cluster.say(client, { type: "join", roomid: "MainHall-s2" });
  assert.is((cluster.take(client)[0] as { reason?: string }).reason, "draining");
  const twin = cluster.connect("s1");
  cluster.say(twin, { type: "newidentity", identity: "stays", ticket: "twin" });
  assert.is((cluster.take(twin)[0] as { reason?: string }).reason, "identity-in-use");
  cluster.say(client, { type: "servers" });
  const [listed] = cluster.take(client);
  const s2 = listed?.type === "servers" ? listed.servers.find((s) => s.serverid === "s2") : listed;
  assert.is((s2 as { status?: string }).status, "leaving");
  assert.not(stays.closed);
});

leaving("8.17 after 8 s connections are closed and the server goes", () => {
  const cluster = peaceful();
  const client = cluster.login("s2", "stubborn");
  cluster.input("s2", { type: "command", command: "drain" });
  cluster.advance(7_900);
  assert.not(client.closed);
  cluster.advance(200);
  assert.ok(client.closed);
  assert.is(cluster.state("s2").phase, "stopped");
});

leaving("8.17 with nobody to route to it goes at once", () => {
  const cluster = serversOfFile(["s1"]);
  cluster.advance(100);
  const client = cluster.login("s1", "alice");
  cluster.input("s1", { type: "command", command: "drain" });
  cluster.settle();
  assert.ok(client.closed);
  assert.is(cluster.state("s1").phase, "stopped");
});

leaving.run();

const meeting = suite("protocol 8, parts that meet again");

for (const [name, first, second, stays] of [
  ["the older stays", "alice", "mallory", "first"],
  ["of one user the newer stays", "alice", "alice", "second"],
] as const) {
  meeting(`8.18 of two claims to an identity ${name}`, () => {
    const cluster = peaceful();
    cutOff(cluster, "s3");
    cluster.advance(5_000);
    const older = cluster.login("s1", "alice", first);
    cluster.advance(100);
    const newer = cluster.login("s3", "alice", second);
    assert.not(newer.closed);
    heal(cluster);
    assert.is(older.closed, stays === "second");
    assert.is(newer.closed, stays === "first");
    const loser = stays === "first" ? newer : older;
    const farewell = cluster.take(loser).at(-1);
    assert.is(farewell?.type === "roomchange" ? farewell.roomid : undefined, "");
  });
}

meeting("8.18 of two claims to a room the older stays, and everybody agrees where it is", () => {
  const cluster = peaceful();
  cutOff(cluster, "s3");
  cluster.advance(5_000);
  const older = cluster.login("s3", "olga");
  cluster.say(older, { type: "createroom", roomid: "jokes" });
  cluster.advance(100);
  const newer = cluster.login("s1", "nina");
  cluster.say(newer, { type: "createroom", roomid: "jokes" });
  cluster.take(newer);
  heal(cluster);
  assert.ok(cluster.state("s3").rooms.has("jokes" as never));
  assert.not(cluster.state("s1").rooms.has("jokes" as never));
  for (const id of ["s1", "s2"]) {
    assert.is(cluster.state(id).directory.get("jokes" as never)?.server, "s3");
  }
  assert.equal(cluster.take(newer) as unknown, [
    { type: "roomchange", identity: "nina", former: "jokes", roomid: "MainHall-s1" },
  ]);
  assert.not(newer.closed);
});

meeting("8.18 both sides see each other again, and each other's rooms", () => {
  const cluster = peaceful();
  cutOff(cluster, "s3");
  cluster.advance(5_000);
  const client = cluster.login("s3", "olga");
  cluster.say(client, { type: "createroom", roomid: "alone" });
  heal(cluster);
  for (const id of ids) {
    const { membership } = cluster.state(id);
    assert.ok([...membership.values()].every(({ status }) => status === "alive"));
  }
  assert.is(cluster.state("s1").directory.get("alone" as never)?.server, "s3");
});

meeting.run();

const majority = suite("protocol 8, majority mode");
const mode = { partition: "majority", roster: ids as never } as const;

majority("8.20 whom no majority hears for 3 s gives up its names before others take them", () => {
  const cluster = peaceful(mode);
  const client = cluster.login("s3", "alice");
  cutOff(cluster, "s3");
  const cut = cluster.now;
  let freeAt: number | undefined;
  while (freeAt === undefined && cluster.now - cut < 12_000) {
    cluster.advance(100);
    const thief = cluster.connect("s1");
    cluster.say(thief, { type: "newidentity", identity: "alice", ticket: "other" });
    cluster.settle();
    const [answer] = cluster.take(thief);
    if (answer?.type === "newidentity" && answer.approved === "true") freeAt = cluster.now;
    else if (!thief.closed) cluster.hangUp(thief);
    assert.not(freeAt !== undefined && !client.closed, "the name had two holders");
  }
  assert.ok(freeAt !== undefined, "the majority goes on");
  assert.ok(client.closed);
});

majority(
  "8.20 a fenced server refuses and denies with no-quorum, and goes on when it is heard",
  () => {
    const cluster = peaceful(mode);
    cutOff(cluster, "s3");
    cluster.advance(5_000);
    const client = cluster.connect("s3");
    cluster.say(client, { type: "newidentity", identity: "alice", ticket: "alice" });
    assert.is((cluster.take(client)[0] as { reason?: string }).reason, "no-quorum");
    heal(cluster);
    const again = cluster.login("s3", "alice");
    assert.not(again.closed);
  },
);

majority("8.21 a minority evicts nobody", () => {
  const cluster = peaceful(mode);
  cutOff(cluster, "s3");
  cluster.advance(12_000);
  const { membership } = cluster.state("s3");
  assert.ok([...membership.values()].every(({ status }) => status === "suspect"));
  assert.is(cluster.state("s1").membership.get("s3" as never)?.status, "dead");
});

majority(
  "8.22 after a crash the votes of the dead stay needed for 4 s, though it is evicted",
  () => {
    const cluster = peaceful(mode);
    cluster.crash("s3");
    cluster.advance(1_000);
    assert.is(cluster.state("s1").membership.get("s3" as never)?.status, "dead");
    const client = cluster.connect("s1");
    cluster.say(client, { type: "newidentity", identity: "alice", ticket: "alice" });
    cluster.advance(2_000);
    assert.equal(cluster.take(client), []);
    cluster.advance(1_500);
    const answer = cluster.take(client)[0] as { approved?: string; reason?: string };
    assert.ok(answer.approved === "true" || answer.reason === "busy", JSON.stringify(answer));
    const later = cluster.login("s1", "bob");
    assert.not(later.closed);
  },
);

majority("8.19 the roster grows only while all of it is reachable", () => {
  const cluster = peaceful(mode);
  cluster.crash("s3");
  cluster.advance(2_000);
  cluster.add("s4", ["s1"], { mustJoin: true, partition: "majority" });
  cluster.advance(3_000);
  assert.is(cluster.state("s4").phase, "starting");
  assert.not(cluster.state("s1").roster.has("s4" as never));
  cluster.add("s3", ["s1", "s2"], mode);
  cluster.advance(6_000);
  assert.is(cluster.state("s4").phase, "serving");
  assert.equal([...cluster.state("s1").roster].sort(), ["s1", "s2", "s3", "s4"]);
});

majority("8.20 a server starts fenced and waits for a majority", () => {
  const cluster = serversOfFile(["s1"], {
    ...mode,
    contacts: [{ serverid: "s2" as never, address: { host: "s2", port: 5555 } }],
  });
  cluster.advance(7_000);
  assert.is(cluster.state("s1").phase, "starting");
  cluster.add("s2", ["s1", "s3"], mode);
  cluster.advance(7_000);
  assert.is(cluster.state("s1").phase, "serving");
});

majority.run();
