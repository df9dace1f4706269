/**
 * PROTOCOL.md section 8, silence and eviction: one test a rule.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { SignsOfLife } from "../lib/membership/failure-detector.ts";
import { verdict } from "../lib/membership/failure-detector.ts";
import { defaultTiming } from "../lib/server/config.ts";
import type { ClientReply } from "../lib/wire/client-messages.ts";
import { type Cluster, serversOfFile, threeServers } from "./support/cluster.ts";
import { loneServer, own, Puppet, stateOf, wait } from "./support/puppet.ts";
import { tableAfter } from "./support/tables.ts";

const silence = suite("protocol 8, silence");

/** A cluster that has been at peace for a while. */
function peaceful(ids: readonly string[] = ["s1", "s2", "s3"]): Cluster {
  const cluster = serversOfFile(ids);
  cluster.advance(3_000);
  return cluster;
}

function statusOf(cluster: Cluster, server: string, member: string): string | undefined {
  return cluster.state(server).membership.get(member as never)?.status;
}

function rooms(cluster: Cluster, server: string): readonly string[] {
  const client = cluster.login(server, "looker", "looker");
  cluster.say(client, { type: "list" });
  const [list] = cluster.take(client);
  cluster.say(client, { type: "quit" });
  if (list?.type !== "roomlist") throw new Error(`no list but ${JSON.stringify(list)}`);
  return [...list.rooms].sort();
}

/** Nothing passes between two servers, and each that dials the other hears this. */
function part(cluster: Cluster, one: string, other: string, outcome = "silent" as const): void {
  const isParted = (from: string, to: string) =>
    (from === one && to === other) || (from === other && to === one);
  cluster.hold = isParted;
  cluster.dialOutcome = (from, to) => (isParted(from, to) ? { type: outcome } : undefined);
}

for (const [
  link = "",
  probe = "",
  refused = "",
  told = "",
  silent = "",
  expected = "",
] of tableAfter("**8.8**").rows) {
  const row = [link, probe, refused, told, silent].join(", ");
  silence(`8.8 ${row}: ${expected}`, () => {
    const [, less, seconds] = /^(less than )?([\d.]+) s$/.exec(silent) ?? ["", "", "0"];
    const silentMs = Number(seconds) * 1_000 - (less === undefined || less === "" ? 0 : 1);
    const links = link === "any" ? [true, false] : [link === "open"];
    const probes = probe === "any" ? [undefined, "silent", "tls-silent"] : [probe];
    for (const linked of links) {
      for (const each of probes) {
        const signs: SignsOfLife = {
          heardAt: 10_000,
          linked,
          probe: (each === "none" ? undefined : each) as SignsOfLife["probe"],
          refusals: Number(refused === "any" ? 0 : refused),
          told: told === "yes",
        };
        assert.is(verdict(signs, defaultTiming, 10_000 + silentMs), expected);
      }
    }
  });
}

silence("8.6 a silent member is hidden after 1.5 s, and comes back when it is heard", () => {
  const cluster = peaceful(["s1", "s2"]);
  const owner = cluster.login("s2", "owner");
  cluster.say(owner, { type: "createroom", roomid: "jokes" });
  const client = cluster.login("s1", "looker");
  part(cluster, "s1", "s2");
  const list = () => {
    cluster.say(client, { type: "list" });
    const [answer] = cluster.take(client);
    return answer?.type === "roomlist" ? [...answer.rooms].sort() : [];
  };
  cluster.advance(900);
  assert.equal(list(), ["MainHall-s1", "MainHall-s2", "jokes"]);
  cluster.advance(1_100);
  assert.is(statusOf(cluster, "s1", "s2"), "suspect");
  assert.equal(list(), ["MainHall-s1"]);
  cluster.dialOutcome = () => undefined;
  cluster.release();
  cluster.advance(1_000);
  assert.is(statusOf(cluster, "s1", "s2"), "alive");
  assert.equal(list(), ["MainHall-s1", "MainHall-s2", "jokes"]);
});

silence("8.7 a process that stands still gets its 8 s, though some probes of it are lost", () => {
  const cluster = peaceful(["s1", "s2"]);
  cluster.stop("s2");
  let probes = 0;
  cluster.dialOutcome = (_from, to) =>
    to === "s2" ? { type: ++probes % 2 === 1 ? "tls-silent" : "silent" } : undefined;
  cluster.advance(7_400);
  assert.is(statusOf(cluster, "s1", "s2"), "suspect");
  assert.ok(probes >= 6, "it was probed");
  cluster.advance(1_600);
  assert.is(statusOf(cluster, "s1", "s2"), "dead");
});

silence("8.6 nobody is routed to a suspect", () => {
  const cluster = peaceful(["s1", "s2"]);
  const client = cluster.login("s1", "alice");
  cluster.stop("s2");
  cluster.advance(2_200);
  assert.is(statusOf(cluster, "s1", "s2"), "suspect");
  cluster.say(client, { type: "list" });
  cluster.say(client, { type: "join", roomid: "MainHall-s2" });
  const hall = "MainHall-s1";
  assert.equal(cluster.take(client), [
    { type: "roomlist", rooms: [hall] },
    { type: "roomchange", identity: "alice", former: hall, roomid: hall, reason: "unreachable" },
  ] as never);
});

silence("8.7 8.8 a crash is noticed within a second: the list is clean, the names are free", () => {
  const cluster = peaceful();
  const owner = cluster.login("s2", "owner");
  cluster.say(owner, { type: "createroom", roomid: "jokes" });
  const dropped = cluster.now;
  cluster.crash("s2");
  while (statusOf(cluster, "s1", "s2") !== "dead" || statusOf(cluster, "s3", "s2") !== "dead") {
    cluster.advance(10);
    assert.ok(cluster.now - dropped < 1_000, "it took longer than a second");
  }
  assert.equal(rooms(cluster, "s1"), ["MainHall-s1", "MainHall-s3"]);
  const again = cluster.login("s3", "owner");
  cluster.say(again, { type: "createroom", roomid: "jokes" });
  assert.equal((cluster.take(again)[0] as { approved?: string }).approved, "true");
});

silence("8.7 8.8 a lost host is evicted after 4 s, within 4.5 s", () => {
  const cluster = peaceful();
  const lost = cluster.now;
  const isCut = (from: string, to: string) => from === "s2" || to === "s2";
  cluster.hold = isCut;
  cluster.dialOutcome = (from, to) => (isCut(from, to) ? { type: "silent" } : undefined);
  cluster.advance(3_400);
  assert.is(statusOf(cluster, "s1", "s2"), "suspect");
  cluster.advance(1_100);
  assert.is(statusOf(cluster, "s1", "s2"), "dead");
  assert.is(statusOf(cluster, "s3", "s2"), "dead");
  assert.is(cluster.now - lost, 4_500);
});

silence(
  "8.8 8.13 a process that stands still is evicted after 8 s, and comes back without names",
  () => {
    const cluster = peaceful();
    const client = cluster.login("s2", "owner");
    cluster.say(client, { type: "createroom", roomid: "jokes" });
    const before = cluster.state("s2").incarnation;
    cluster.stop("s2");
    cluster.advance(7_400);
    assert.is(statusOf(cluster, "s1", "s2"), "suspect");
    cluster.advance(1_200);
    assert.is(statusOf(cluster, "s1", "s2"), "dead");
    const thief = cluster.login("s3", "owner", "other");
    assert.not(thief.closed);
    cluster.goOn("s2");
    cluster.advance(3_000);
    assert.ok(cluster.state("s2").incarnation > before);
    assert.is(statusOf(cluster, "s1", "s2"), "alive");
    assert.is(statusOf(cluster, "s2", "s1"), "alive");
    assert.ok(client.closed);
    assert.equal(cluster.take(client).at(-1) as unknown, {
      type: "roomchange",
      identity: "owner",
      former: "jokes",
      roomid: "",
      reason: "busy",
    });
    assert.is(cluster.state("s2").sessions.size, 0);
    assert.not(thief.closed);
  },
);

silence("8.8 a stall of less than 8 s is forgiven, names and all", () => {
  const cluster = peaceful();
  const client = cluster.login("s2", "owner");
  const before = cluster.state("s2").incarnation;
  cluster.stop("s2");
  cluster.advance(7_000);
  cluster.goOn("s2");
  cluster.advance(2_000);
  assert.is(statusOf(cluster, "s1", "s2"), "alive");
  assert.is(cluster.state("s2").incarnation, before);
  assert.not(client.closed);
});

silence("8.9 a member that somebody hears is not evicted, and is reached through that one", () => {
  const cluster = peaceful();
  part(cluster, "s1", "s2");
  cluster.advance(6_000);
  assert.is(statusOf(cluster, "s1", "s2"), "alive");
  assert.is(statusOf(cluster, "s2", "s1"), "alive");
  const relayed = [...cluster.state("s1").links.values(), ...cluster.state("s2").links.values()];
  assert.ok(relayed.some((link) => link.relayed));
  const client = cluster.login("s1", "alice");
  cluster.say(client, { type: "createroom", roomid: "jokes" });
  assert.equal((cluster.take(client)[0] as { approved?: string }).approved, "true");
  cluster.dialOutcome = () => undefined;
  cluster.release();
  cluster.advance(3_000);
  for (const id of ["s1", "s2"]) {
    assert.ok([...cluster.state(id).links.values()].every((link) => !link.relayed));
  }
});

silence("8.9 who does not answer within 0.5 s has no veto", () => {
  const cluster = loneServer();
  const quiet = new Puppet(cluster, "a1");
  const suspect = new Puppet(cluster, "b1");
  cluster.dialOutcome = () => ({ type: "refused" });
  wait(cluster, 1_200, quiet, suspect);
  quiet.take();
  suspect.link.hangUp();
  wait(cluster, 400, quiet);
  const asked = quiet.take().filter(({ type }) => type === "hearsay");
  assert.ok(asked.length > 0, "it was asked");
  assert.is(statusOf(cluster, own, "b1"), "suspect");
  wait(cluster, 600, quiet);
  assert.is(statusOf(cluster, own, "b1"), "dead");
});

silence("8.9 a veto holds as long as it is repeated", () => {
  const cluster = loneServer();
  const witness = new Puppet(cluster, "a1");
  const suspect = new Puppet(cluster, "b1");
  cluster.dialOutcome = () => ({ type: "refused" });
  wait(cluster, 1_200, witness, suspect);
  suspect.link.hangUp();
  const answerFor = (ms: number, heard: string) => {
    for (let passed = 0; passed < ms; passed += 50) {
      wait(cluster, 50, witness);
      for (const asked of witness.take()) {
        if (asked.type === "hearsay") witness.say({ ...asked, serverid: "a1", heard });
      }
    }
  };
  answerFor(6_000, "true");
  assert.is(statusOf(cluster, own, "b1"), "suspect");
  answerFor(1_500, "false");
  assert.is(statusOf(cluster, own, "b1"), "dead");
});

silence("8.10 users who were on their way to an evicted member are back", () => {
  const cluster = peaceful(["s1", "s2"]);
  const client = cluster.login("s1", "alice");
  cluster.say(client, { type: "join", roomid: "MainHall-s2" });
  assert.is(cluster.take(client)[0]?.type, "route");
  cluster.crash("s2");
  cluster.advance(1_000);
  const back: ClientReply[] = cluster.take(client);
  assert.equal(back as unknown, [
    { type: "roomchange", identity: "alice", former: "MainHall-s2", roomid: "MainHall-s1" },
  ]);
});

silence("8.10 votes under way are counted without the evicted one", () => {
  const cluster = peaceful();
  cluster.crash("s2");
  const client = cluster.connect("s1");
  cluster.say(client, { type: "newidentity", identity: "alice", ticket: "alice" });
  assert.equal(cluster.take(client), []);
  cluster.advance(1_000);
  assert.equal(cluster.take(client)[0] as unknown, { type: "newidentity", approved: "true" });
});

silence(
  "8.11 who hears an evicted member tells it, and it comes back under a higher incarnation",
  () => {
    const cluster = loneServer();
    const judge = new Puppet(cluster, "a1");
    const accused = new Puppet(cluster, "b1");
    judge.take();
    accused.take();
    judge.say({ type: "evicted", evictedid: "b1", incarnation: 1_000 });
    assert.equal(accused.take() as unknown, [
      { type: "evicted", serverid: own, evictedid: "b1", incarnation: 1_000 },
    ]);
    const incarnation = stateOf(cluster).incarnation;
    judge.say({ type: "evicted", evictedid: own, incarnation });
    assert.ok(stateOf(cluster).incarnation > incarnation);
    assert.is(judge.take()[0]?.type, "newserver");
    assert.is(accused.take()[0]?.type, "newserver");
  },
);

silence("8.11 an eviction of an earlier incarnation changes nothing", () => {
  const cluster = loneServer();
  const judge = new Puppet(cluster, "a1");
  const { incarnation } = stateOf(cluster);
  judge.take();
  judge.say({ type: "evicted", evictedid: own, incarnation: incarnation - 1 });
  assert.is(stateOf(cluster).incarnation, incarnation);
  assert.equal(judge.take(), []);
});

silence("8.13 one that was only cut off keeps its users, and says who they are", () => {
  const cluster = threeServers();
  cluster.advance(3_000);
  const client = cluster.login("s2", "alice");
  const isCut = (from: string, to: string) => (from === "s2") !== (to === "s2");
  cluster.hold = isCut;
  cluster.dialOutcome = (from, to) => (isCut(from, to) ? { type: "silent" } : undefined);
  cluster.advance(6_000);
  assert.is(statusOf(cluster, "s1", "s2"), "dead");
  cluster.dialOutcome = () => undefined;
  cluster.release();
  cluster.advance(5_000);
  assert.is(statusOf(cluster, "s1", "s2"), "alive");
  assert.not(client.closed);
  const thief = cluster.connect("s1");
  cluster.say(thief, { type: "newidentity", identity: "alice", ticket: "other" });
  assert.is((cluster.take(thief)[0] as { reason?: string }).reason, "identity-in-use");
});

silence("8.14 who has stood still itself suspects nobody for it", () => {
  for (const ms of [700, 1_600, 3_000, 7_000]) {
    const cluster = peaceful();
    cluster.stop("s2");
    cluster.advance(ms);
    cluster.events.splice(0);
    cluster.goOn("s2");
    cluster.advance(3_000);
    const judged = cluster.events.filter(
      ({ server, event }) => server === "s2" && /suspect|evicted/.test(event.event),
    );
    assert.equal(judged, [], `after ${ms} ms`);
  }
});

silence("8.14 a stall of a second is no reason, though the own heartbeat is hardly late", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  for (let tries = 0; ; tries++) {
    assert.ok(tries < 1_000, "no long interval came");
    const dueAt = stateOf(cluster).beatDueAt;
    const earlyMs = dueAt - 490 - cluster.now;
    if (earlyMs > 0) wait(cluster, earlyMs);
    peer.beat();
    wait(cluster, dueAt - cluster.now);
    if (earlyMs > 0 && stateOf(cluster).beatDueAt >= dueAt + 520) break;
  }
  cluster.stop(own);
  cluster.advance(1_015);
  assert.ok(cluster.now - stateOf(cluster).beatDueAt < 500, "within an interval");
  cluster.events.splice(0);
  cluster.goOn(own);
  assert.equal(
    cluster.events.filter(({ event }) => event.event === "member-suspect"),
    [],
  );
});

silence(
  "8.14 its own limits do not move: a claim whose time has passed is over before it reads",
  () => {
    const cluster = peaceful();
    cluster.hold = (_from, to, message) => to === "s2" && message.type === "lockidentity";
    const client = cluster.connect("s2");
    cluster.say(client, { type: "newidentity", identity: "alice", ticket: "alice" });
    cluster.stop("s2");
    cluster.hold = () => false;
    cluster.release();
    cluster.advance(3_500);
    cluster.goOn("s2");
    assert.equal(cluster.take(client) as unknown, [
      { type: "newidentity", approved: "false", reason: "busy" },
    ]);
  },
);

silence.run();
