/**
 * PROTOCOL.md section 7: Lock and Release between real servers; one test a rule, and claims that
 * meet in many orders of delivery. The states of both sides are in protocol-lock-states.test.ts.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Cluster, TestClient } from "./support/cluster.ts";
import { serversOfFile, threeServers } from "./support/cluster.ts";
import { everyOrder, seeded } from "./support/orders.ts";
import { identity, loneServer, own, Puppet, room, stateOf, wait } from "./support/puppet.ts";

const locks = suite("protocol 7");

/** How a claim ended: `"true"`, the reason of the refusal, or `"none"`. */
function outcome({ heard }: TestClient): string {
  const answer = heard.find(({ type }) => type === "newidentity" || type === "createroom");
  if (answer?.type !== "newidentity" && answer?.type !== "createroom") return "none";
  return answer.approved === "true" ? "true" : (answer.reason ?? "no reason");
}

/** Nothing is left of any claim: no lock, no question, no open attempt. */
function isClean(cluster: Cluster): boolean {
  return [...cluster.nodes.values()].every(
    ({ up, state }) => !up || (state.locks.isEmpty() && state.claims.isEmpty()),
  );
}

/** The servers on which somebody has a session. */
function holders(cluster: Cluster, who: string): readonly string[] {
  const nodes = [...cluster.nodes].filter(([, { up }]) => up);
  return nodes.filter(([, { state }]) => state.sessions.has(identity(who))).map(([id]) => id);
}

const ann = (ticket: string) => ({ type: "newidentity", identity: "ann", ticket });
const den = { type: "createroom", roomid: "den" };

locks("7.1 a claim needs every member's vote, and none if there is nobody", () => {
  const cluster = threeServers();
  const client = cluster.connect("s1");
  cluster.hold = (from, _to, message) => from === "s3" && message.type === "lockidentity";
  cluster.say(client, ann("ann"));
  assert.is(outcome(client), "none");
  cluster.release();
  assert.is(outcome(client), "true");
  const lone = loneServer();
  assert.not.ok(lone.login(own, "ann").closed);
});

locks("7.2 a voter denies a session, a mover, a reservation and a room, and nothing else", () => {
  const cluster = threeServers();
  cluster.login("s1", "held");
  const mover = cluster.login("s1", "mover");
  cluster.say(mover, { type: "join", roomid: "MainHall-s2" });
  const owner = cluster.login("s1", "owner");
  cluster.say(owner, { type: "createroom", roomid: "den" });
  for (const server of ["s1", "s2", "s3"]) {
    for (const [name, reason] of [
      ["held", "identity-in-use"],
      ["mover", "identity-in-use"],
      ["den", "true"],
    ] as const) {
      const client = cluster.connect(server);
      cluster.say(client, { type: "newidentity", identity: name, ticket: "x" });
      assert.is(outcome(client), reason, `${server} ${name}`);
      cluster.hangUp(client);
    }
    const other = cluster.login(server, `other${server}`);
    cluster.say(other, den);
    assert.is(outcome(other), "room-exists");
    cluster.say(other, { type: "quit" });
  }
  assert.ok(isClean(cluster));
});

locks("7.2 questions that wait behind a lock are answered oldest first", () => {
  const cluster = loneServer();
  const puppets = ["a1", "b1", "c1"].map((id) => new Puppet(cluster, id));
  const base = stateOf(cluster).clock;
  const stamps = [base + 1, base + 9, base + 5];
  const ask = (index: number) =>
    puppets[index]?.say({ type: "lockidentity", identity: "bob", stamp: stamps[index] });
  for (const index of [0, 1, 2]) ask(index);
  const granted = () =>
    puppets.flatMap(({ id, link }) =>
      link.heard.some((m) => m.type === "lockidentity" && m.locked === "true") ? [id] : [],
    );
  assert.equal(granted(), ["a1"]);
  puppets[0]?.say({ type: "releaseidentity", identity: "bob", stamp: base + 1 });
  assert.equal(granted(), ["a1", "c1"]);
  puppets[2]?.say({ type: "releaseidentity", identity: "bob", stamp: base + 5 });
  assert.equal(granted(), ["a1", "b1", "c1"]);
});

locks("7.3 stamps grow, above every stamp that was seen", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  const stamps: number[] = [];
  for (const name of ["bob", "cat", "dan"]) {
    const client = cluster.connect(own);
    cluster.say(client, { type: "newidentity", identity: name, ticket: name });
    for (const said of peer.take()) {
      if (said.type === "lockidentity" && said.locked === undefined) stamps.push(said.stamp);
    }
    peer.say({ type: "lockidentity", identity: `x${name}`, stamp: (stamps.at(-1) ?? 0) + 100 });
  }
  assert.is(stamps.length, 3);
  assert.ok(stamps.every((stamp, n) => n === 0 || stamp > (stamps[n - 1] ?? 0) + 100));
});

locks("7.4 a vote for an attempt that is over counts for nothing", () => {
  const cluster = loneServer();
  const [a, b] = [new Puppet(cluster, "a1"), new Puppet(cluster, "b1")];
  const vote = (puppet: Puppet, stamp: number) =>
    puppet.say({ type: "lockidentity", identity: "bob", stamp, locked: "true" });
  const first = cluster.connect(own);
  cluster.say(first, { type: "newidentity", identity: "bob", ticket: "bob" });
  const old = stateOf(cluster).clock;
  vote(a, old);
  cluster.hangUp(first);
  const second = cluster.connect(own);
  cluster.say(second, { type: "newidentity", identity: "bob", ticket: "bob" });
  vote(a, old);
  vote(b, old);
  vote(b, stateOf(cluster).clock);
  assert.is(outcome(second), "none");
  vote(a, stateOf(cluster).clock);
  assert.is(outcome(second), "true");
});

locks("7.5 nobody but the asker ends a lock, and a room is recorded for its server only", () => {
  const cluster = loneServer();
  const [a, b] = [new Puppet(cluster, "a1"), new Puppet(cluster, "b1")];
  const stamp = stateOf(cluster).clock + 1;
  a.say({ type: "lockidentity", identity: "bob", stamp });
  a.say({ type: "lockroomid", roomid: "den", stamp });
  b.say({ type: "releaseidentity", identity: "bob", stamp });
  b.say({
    type: "releaseroomid",
    roomid: "den",
    stamp,
    approved: "false",
    claimedat: 1,
    change: 1,
  });
  for (const wrong of [stamp - 1, stamp + 1]) {
    a.say({ type: "releaseidentity", identity: "bob", stamp: wrong });
  }
  assert.equal([...stateOf(cluster).locks.keys()].sort(), ["identity:bob", "room:den"]);
});

locks("7.6 two claims of one identity at two servers: in every order exactly one wins", () => {
  const base = serversOfFile(["s1", "s2"]);
  const [one, two] = [base.connect("s1"), base.connect("s2")];
  const winners = new Set<string>();
  const { runs, complete } = everyOrder(2_000, (choose) => {
    const cluster = base.fork();
    cluster.choose = choose;
    const clients = [cluster.mine(one), cluster.mine(two)];
    for (const client of clients) cluster.say(client, ann(client.server), false);
    cluster.settle();
    assert.equal(clients.map(outcome).sort(), ["identity-in-use", "true"]);
    assert.is(holders(cluster, "ann").length, 1);
    assert.ok(isClean(cluster));
    winners.add(holders(cluster, "ann").join());
  });
  assert.ok(complete && runs > 50);
  assert.equal([...winners].sort(), ["s1", "s2"]);
});

locks("7.6 two claims of one room at two servers: in every order exactly one wins", () => {
  const base = serversOfFile(["s1", "s2"]);
  const [one, two] = [base.login("s1", "ann"), base.login("s2", "bob")];
  const { complete } = everyOrder(2_000, (choose) => {
    const cluster = base.fork();
    cluster.choose = choose;
    const clients = [cluster.mine(one), cluster.mine(two)];
    for (const client of clients) cluster.say(client, den, false);
    cluster.settle();
    assert.equal(clients.map(outcome).sort(), ["room-exists", "true"]);
    const [s1, s2] = [cluster.state("s1"), cluster.state("s2")];
    const [here, there] = s1.rooms.has(room("den")) ? [s1, s2] : [s2, s1];
    assert.equal([here.directory.size, there.directory.size], [0, 1]);
    assert.not.ok(there.rooms.has(room("den")));
    assert.ok(isClean(cluster));
  });
  assert.ok(complete);
});

locks(
  "7.6 three claims at three servers, identity and room: exactly one wins in every order",
  () => {
    for (const wanted of ["identity", "room"]) {
      const base = threeServers();
      const names = ["bob", "cat", "dan"];
      const joined = ["s1", "s2", "s3"].map((server, n) =>
        wanted === "room" ? base.login(server, names[n] as string) : base.connect(server),
      );
      const winners = new Set<string>();
      for (let seed = 0; seed < 250; seed++) {
        const cluster = base.fork();
        cluster.choose = seeded(seed);
        const clients = joined.map((client) => cluster.mine(client));
        for (const client of clients) {
          cluster.say(client, wanted === "room" ? den : ann(client.server), false);
        }
        cluster.advance(1_000);
        const results = clients.map(outcome);
        assert.is(
          results.filter((result) => result === "true").length,
          1,
          `seed ${seed}: ${results}`,
        );
        assert.not.ok(results.includes("none") || results.includes("busy"));
        assert.ok(isClean(cluster), `seed ${seed}`);
        winners.add(results.join());
      }
      assert.is(winners.size, 3);
    }
  },
);

locks("7.6 two that yield to each other's last attempt pause, and then one wins", () => {
  const cluster = serversOfFile(["s1", "s2"]);
  const [gone, one, other] = [cluster.connect("s1"), cluster.connect("s1"), cluster.connect("s2")];
  cluster.hold = () => true;
  // An attempt of s1 is over before s2 hears of it, and the next one is on its way behind it.
  cluster.say(gone, ann("gone"));
  cluster.say(other, ann("other"));
  cluster.hangUp(gone);
  cluster.say(one, ann("one"));
  const isOver = () => [one, other].every((client) => outcome(client) !== "none");
  while (!isOver()) cluster.passHeld(10);
  assert.equal([one, other].map(outcome).sort(), ["identity-in-use", "true"]);
  assert.ok(isClean(cluster));
});

locks("7.6 a hundred claims of one identity over three servers: one wins, all are answered", () => {
  const base = threeServers();
  const joined = Array.from({ length: 100 }, (_, n) => base.connect(`s${(n % 3) + 1}`));
  for (let seed = 0; seed < 3; seed++) {
    const cluster = base.fork();
    cluster.choose = seeded(seed);
    const clients = joined.map((client) => cluster.mine(client));
    for (const client of clients) cluster.say(client, ann(`${client.connection}`), false);
    cluster.advance(1_000);
    const results = clients.map(outcome);
    assert.is(results.filter((result) => result === "true").length, 1);
    assert.is(results.filter((result) => result === "identity-in-use").length, 99);
    assert.is(holders(cluster, "ann").length, 1);
    assert.ok(isClean(cluster));
  }
});

locks("7.7 two clients of one server: the second waits, and gets it if the first goes", () => {
  for (const [isFirstGone, result] of [
    [false, "identity-in-use"],
    [true, "true"],
  ] as const) {
    const cluster = threeServers();
    cluster.hold = (from, to) => from === "s3" && to === "s1";
    const [first, second] = [cluster.connect("s1"), cluster.connect("s1")];
    for (const client of [first, second]) cluster.say(client, ann("ann"));
    if (isFirstGone) cluster.hangUp(first);
    cluster.release();
    assert.is(outcome(second), result);
    assert.equal(holders(cluster, "ann"), ["s1"]);
  }
});

locks("7.8 a claim that nobody answers is busy after 3 s, with all its attempts", () => {
  const cluster = loneServer();
  const [a, b] = [new Puppet(cluster, "a1"), new Puppet(cluster, "b1")];
  const client = cluster.connect(own);
  cluster.say(client, { type: "newidentity", identity: "bob", ticket: "bob" });
  wait(cluster, 1_500, a, b);
  const older = stateOf(cluster).clock - 1;
  a.say({ type: "lockidentity", identity: "bob", stamp: older });
  wait(cluster, 500, a, b);
  a.say({ type: "releaseidentity", identity: "bob", stamp: older });
  wait(cluster, 999, a, b);
  assert.is(outcome(client), "none");
  cluster.advance(1);
  assert.is(outcome(client), "busy");
  assert.ok(isClean(cluster));
});

locks("7.8 a client that leaves during the vote leaves nothing behind, in every order", () => {
  const base = serversOfFile(["s1", "s2"]);
  const [one, two] = [base.connect("s1"), base.connect("s2")];
  let others = 0;
  const { complete } = everyOrder(4_000, (choose) => {
    const cluster = base.fork();
    cluster.choose = choose;
    const [leaver, stayer] = [cluster.mine(one), cluster.mine(two)];
    const { connection } = leaver;
    cluster.say(leaver, ann("one"), false);
    cluster.say(stayer, ann("two"), false);
    cluster.input("s1", { type: "closed", connection });
    cluster.settle();
    assert.ok(isClean(cluster));
    assert.equal(holders(cluster, "ann"), outcome(stayer) === "true" ? ["s2"] : []);
    if (outcome(stayer) === "true") others++;
  });
  assert.ok(complete && others > 0);
});

locks("7.9 a lock whose asker says no more is forgotten after 6 s", () => {
  const cluster = loneServer();
  const [a, b] = [new Puppet(cluster, "a1"), new Puppet(cluster, "b1")];
  const stamp = stateOf(cluster).clock + 1;
  a.say({ type: "lockidentity", identity: "bob", stamp });
  wait(cluster, 5_999, a, b);
  assert.not.ok(isClean(cluster));
  cluster.advance(1);
  assert.ok(isClean(cluster));
});

locks("7.10 an asker that crashes during its vote blocks nobody once it is evicted", () => {
  const cluster = threeServers();
  const client = cluster.connect("s1");
  cluster.hold = (from, to) => from === "s3" && to === "s1";
  cluster.say(client, ann("ann"));
  cluster.crash("s1");
  cluster.release();
  const waiting = cluster.connect("s2");
  cluster.say(waiting, ann("ann"));
  cluster.advance(2_999);
  assert.is(outcome(waiting), "true");
  assert.ok(isClean(cluster));
});

locks("7.10 a voter that crashes is done without once it is evicted", () => {
  const cluster = threeServers();
  const client = cluster.connect("s1");
  cluster.hold = (from) => from === "s3";
  cluster.say(client, ann("ann"));
  cluster.crash("s3");
  cluster.advance(2_500);
  assert.is(outcome(client), "true");
});

locks("7.11 the end of an attempt at a room is told to all, won or lost", () => {
  const cluster = loneServer();
  const bob = cluster.login(own, "bob");
  const [a, b] = [new Puppet(cluster, "a1"), new Puppet(cluster, "b1")];
  for (const locked of ["false", "true"]) {
    for (const puppet of [a, b]) puppet.take();
    cluster.say(bob, den);
    const stamp = stateOf(cluster).clock;
    for (const puppet of [a, b]) puppet.say({ type: "lockroomid", roomid: "den", stamp, locked });
    for (const puppet of [a, b]) {
      const said = puppet.take().find(({ type }) => type === "releaseroomid");
      if (said?.type !== "releaseroomid") throw new Error("no release");
      const known = stateOf(cluster).rooms.get(room("den"));
      assert.equal(
        [said.approved, said.stamp, known !== undefined],
        [locked, stamp, locked === "true"],
      );
      if (known !== undefined) assert.is(said.claimedat, known.claimedAt);
    }
  }
});

locks("7.12 a newcomer that joins during a vote: one winner, wherever it stands", () => {
  for (let seed = 0; seed < 60; seed++) {
    const cluster = serversOfFile(["s1", "s2"]);
    const [one, two] = [cluster.connect("s1"), cluster.connect("s2")];
    cluster.choose = seeded(seed);
    cluster.add("s3", [seed % 2 === 0 ? "s1" : "s2"], { mustJoin: true });
    const three = cluster.connect("s3");
    for (const client of [one, two, three]) cluster.say(client, ann(client.server), false);
    cluster.settle();
    cluster.advance(3_500);
    const results = [one, two, three].map(outcome);
    assert.is(holders(cluster, "ann").length, 1, `seed ${seed}: ${results}`);
    assert.is(results.filter((result) => result === "true").length, 1);
    assert.ok(isClean(cluster));
  }
});

locks(
  "7.12 a link cut and made anew during a vote: never two winners, nothing stays locked",
  () => {
    for (const wanted of ["identity", "room"]) {
      const base = threeServers();
      const joined = ["s1", "s2"].map((server, n) =>
        wanted === "room" ? base.login(server, `user${n}`) : base.connect(server),
      );
      let won = 0;
      for (let seed = 0; seed < 150; seed++) {
        const cluster = base.fork();
        cluster.choose = seeded(seed);
        const clients = joined.map((client) => cluster.mine(client));
        for (const client of clients) {
          cluster.say(client, wanted === "room" ? den : ann(client.server), false);
        }
        for (let n = 0; n < seed % 25; n++) cluster.deliverOne();
        cluster.cut("s1", seed % 2 === 0 ? "s2" : "s3");
        cluster.advance(7_000);
        const results = clients.map(outcome);
        assert.not.ok(results.includes("none"), `seed ${seed}`);
        const winners = results.filter((result) => result === "true").length;
        assert.ok(winners <= 1, `seed ${seed}: ${results}`);
        won += winners;
        assert.ok(isClean(cluster), `seed ${seed}`);
        const rooms = ["s1", "s2", "s3"].map((id) => {
          const { rooms: mine, directory } = cluster.state(id);
          return mine.has(room("den")) || directory.has(room("den"));
        });
        if (wanted === "room") assert.equal(new Set(rooms).size, 1, `seed ${seed}`);
      }
      assert.ok(won > 100);
    }
  },
);

locks("7.13 an asker has one question for a name", () => {
  const cluster = loneServer();
  const [a, b] = [new Puppet(cluster, "a1"), new Puppet(cluster, "b1")];
  const base = stateOf(cluster).clock;
  a.say({ type: "lockidentity", identity: "bob", stamp: base + 1 });
  for (let n = 0; n < 50; n++)
    b.say({ type: "lockidentity", identity: "bob", stamp: base + 2 + n });
  const [entry] = stateOf(cluster).locks.values();
  assert.equal(entry?.questions, [{ asker: "b1", stamp: base + 51 }]);
});

locks.run();
