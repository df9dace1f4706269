/**
 * PROTOCOL.md section 5: moves between servers; one test a rule. The states of both sides are in
 * protocol-moving-states.test.ts.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ConnectionId, ServerId } from "../lib/base/ids.ts";
import { type Cluster, serversOfFile, type TestClient, threeServers } from "./support/cluster.ts";
import { checkState } from "./support/invariants.ts";
import { everyOrder, seeded } from "./support/orders.ts";
import { identity, loneServer, own, Puppet, stateOf, wait } from "./support/puppet.ts";

const moving = suite("protocol 5");

const change = (who: string, former: string, roomid: string): object => ({
  type: "roomchange",
  identity: who,
  former,
  roomid,
});

/** Joins a room elsewhere; the pass of the route. */
function routed(cluster: Cluster, client: TestClient, roomid = "MainHall-s2"): string {
  cluster.take(client);
  cluster.say(client, { type: "join", roomid });
  const route = cluster.take(client).at(-1);
  if (route?.type !== "route") throw new Error(`no route but ${JSON.stringify(route)}`);
  return route.ticket;
}

/** Shows a pass at a server. */
function arrive(cluster: Cluster, server: string, who: string, pass?: string): TestClient {
  const client = cluster.connect(server);
  const ticket = pass === undefined ? {} : { ticket: pass };
  const [former, roomid] = ["MainHall-s1", "MainHall-s2"];
  cluster.say(client, { type: "movejoin", former, roomid, identity: who, ...ticket });
  return client;
}

/** What a `movejoin` was answered: `"true"` or the reason. */
function answerTo({ heard: [reply] }: TestClient): string {
  if (reply?.type !== "serverchange") return `no serverchange but ${reply?.type}`;
  return reply.approved === "true" ? "true" : (reply.reason ?? "no reason");
}

/** On how many servers somebody has a session that is not on its way. */
function seats(cluster: Cluster, who: string): number {
  const sessions = [...cluster.nodes.values()].map(({ state }) =>
    state.sessions.get(identity(who)),
  );
  return sessions.filter((session) => session !== undefined && session.move === undefined).length;
}

moving("5.1 the announcement names the mover, its account, its claim and both rooms", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann", "ann@example.org");
  const claimedat = stateOf(cluster).sessions.get(identity("ann"))?.claimedAt;
  const target = new Puppet(cluster, "t9", { rooms: [{ roomid: "den", claimedat: 5 }], change: 1 });
  target.take();
  for (const move of [1, 2]) {
    cluster.say(ann, { type: "join", roomid: "den" });
    const [said] = target.take();
    if (said?.type !== "moveidentity") throw new Error("no announcement");
    const { move: number, ...rest } = said;
    const [username, former] = ["ann@example.org", `MainHall-${own}`];
    const names = { serverid: own, identity: "ann", roomid: "den" };
    assert.equal(rest, { type: "moveidentity", ...names, username, claimedat, former });
    target.say({ type: "moveidentity", identity: "ann", move: number, approved: "false" });
    assert.ok(number >= move);
  }
});

moving("5.2 no answer within 3 s: refused, and the end of the move is asked for", () => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  const target = new Puppet(cluster, "t9");
  cluster.say(ann, { type: "join", roomid: "MainHall-t9" });
  cluster.take(ann);
  target.take();
  wait(cluster, 2_999, target);
  assert.equal(cluster.take(ann), []);
  cluster.advance(1);
  const [reply] = cluster.take(ann);
  assert.is(reply?.type === "roomchange" && reply.reason, "unreachable");
  assert.equal(
    target.take().map(({ type }) => type),
    ["endmove"],
  );
  cluster.advance(2_000);
  assert.is(stateOf(cluster).membership.get("t9" as never)?.status, "suspect");
  cluster.say(ann, { type: "join", roomid: "MainHall-t9" });
  const [suspected] = cluster.take(ann);
  assert.is(suspected?.type === "roomchange" && suspected.reason, "unreachable");
});

moving("5.3 the pass: 32 hexadecimal digits, another one for every move", () => {
  const cluster = threeServers();
  const passes = new Set<string>();
  for (const name of ["ann", "bob", "cat"]) passes.add(routed(cluster, cluster.login("s1", name)));
  assert.is(passes.size, 3);
  for (const pass of passes) assert.match(pass, /^[0-9a-f]{32}$/);
});

moving("5.3 a mover waits for a lock to end, and comes before every question", () => {
  const cluster = loneServer();
  const [old, a, b] = ["o9", "a1", "b1"].map((id) => new Puppet(cluster, id)) as [
    Puppet,
    Puppet,
    Puppet,
  ];
  const base = stateOf(cluster).clock;
  a.say({ type: "lockidentity", identity: "bob", stamp: base + 1 });
  b.say({ type: "lockidentity", identity: "bob", stamp: base + 2 });
  const claim = { username: "bob", claimedat: 5, former: "x", roomid: `MainHall-${own}` };
  old.say({ type: "moveidentity", identity: "bob", move: 1, ...claim });
  for (const puppet of [old, b]) puppet.take();
  a.say({ type: "releaseidentity", identity: "bob", stamp: base + 1 });
  const [answer] = old.take();
  assert.is(answer?.type === "moveidentity" && answer.approved, "true");
  const [vote] = b.take();
  assert.is(vote?.type === "lockidentity" && vote.locked, "false");
});

moving("5.4 at no moment of a move is the identity free for somebody else", () => {
  const cluster = threeServers();
  const attempts: string[] = [];
  const steal = () => {
    for (const server of ["s1", "s2", "s3"]) {
      const thief = cluster.login(server, "ann", "thief");
      attempts.push(thief.closed ? "refused" : `admitted by ${server}`);
    }
  };
  const ann = cluster.login("s1", "ann");
  cluster.hold = (_from, _to, { type }) => type === "moveidentity" || type === "moveended";
  cluster.say(ann, { type: "join", roomid: "MainHall-s2" });
  cluster.release();
  const route = cluster.take(ann).at(-1);
  steal();
  cluster.hold = (_from, _to, { type }) => type === "moveended";
  const there = arrive(cluster, "s2", "ann", route?.type === "route" ? route.ticket : "");
  assert.is(answerTo(there), "true");
  assert.equal(new Set(attempts), new Set(["refused"]));
  cluster.release();
  steal();
  assert.equal(new Set(attempts), new Set(["refused"]));
  assert.is(seats(cluster, "ann"), 1);
});

moving("5.5 the route names the target as clients reach it; the connection stays", () => {
  const cluster = serversOfFile(["s1"]);
  cluster.add("s2", ["s1"], { mustJoin: true, client: { host: "chat.example.org", port: 999 } });
  cluster.settle();
  const ann = cluster.login("s1", "ann");
  const bob = cluster.login("s1", "bob");
  cluster.take(bob);
  cluster.say(ann, { type: "join", roomid: "MainHall-s2" });
  const route = cluster.take(ann).at(-1);
  const where = route?.type === "route" ? [route.host, route.port, route.roomid] : [];
  assert.equal(where, ["chat.example.org", "999", "MainHall-s2"]);
  assert.not.ok(ann.closed);
  cluster.say(bob, { type: "who" });
  const who = cluster.take(bob).at(-1);
  assert.equal(who?.type === "roomcontents" && who.identities, ["bob"]);
});

moving("5.6 hijack: nobody arrives without the pass of this very move", () => {
  const cluster = threeServers();
  const ann = cluster.login("s1", "ann");
  const here = cluster.login("s2", "bob");
  for (const server of ["s1", "s2", "s3"]) {
    for (const who of ["ann", "bob", "nobody"]) {
      assert.is(answerTo(arrive(cluster, server, who)), "login-required");
      assert.is(answerTo(arrive(cluster, server, who, "0".repeat(32))), "ticket-invalid");
    }
  }
  const cat = cluster.login("s1", "cat");
  const pass = routed(cluster, ann);
  const other = routed(cluster, cat);
  const tries: readonly [string, string, string | undefined, string][] = [
    ["s2", "ann", undefined, "login-required"],
    ["s2", "ann", other, "ticket-invalid"],
    ["s2", "ann", "", "ticket-invalid"],
    ["s2", "ann", `${pass}0`, "ticket-invalid"],
    ["s2", "ann", pass.slice(1), "ticket-invalid"],
    ["s2", "ann", pass.toUpperCase() === pass ? `${pass}x` : pass.toUpperCase(), "ticket-invalid"],
    ["s2", "bob", pass, "ticket-invalid"],
    ["s3", "ann", pass, "ticket-invalid"],
    ["s1", "ann", pass, "ticket-invalid"],
    ["s2", "a!", pass, "identity-invalid"],
  ];
  for (const [server, who, shown, reason] of tries) {
    const client = arrive(cluster, server, who, shown);
    assert.is(answerTo(client), reason);
    assert.ok(client.closed);
  }
  assert.is(answerTo(arrive(cluster, "s2", "ann", pass)), "true");
  assert.is(answerTo(arrive(cluster, "s2", "ann", pass)), "ticket-invalid", "used twice");
  assert.equal([seats(cluster, "ann"), seats(cluster, "bob"), here.closed], [1, 1, false]);
});

moving("5.6 a pass works for 10 s", () => {
  for (const [ms, answer] of [
    [9_999, "true"],
    [10_000, "ticket-invalid"],
  ] as const) {
    const cluster = threeServers();
    const pass = routed(cluster, cluster.login("s1", "ann"));
    cluster.advance(ms);
    assert.is(answerTo(arrive(cluster, "s2", "ann", pass)), answer);
    assert.is(seats(cluster, "ann"), 1);
  }
});

moving("5.6 the pass is taken from username too", () => {
  const cluster = threeServers();
  const username = routed(cluster, cluster.login("s1", "ann"));
  const client = cluster.connect("s2");
  const [former, roomid] = ["MainHall-s1", "MainHall-s2"];
  cluster.say(client, { type: "movejoin", former, roomid, identity: "ann", username });
  assert.is(answerTo(client), "true");
});

moving("5.7 what counts is what was announced, not what the movejoin says", () => {
  const cluster = threeServers();
  const pass = routed(cluster, cluster.login("s1", "ann"));
  const client = cluster.connect("s2");
  const lies = { former: "no such room!", roomid: "elsewhere" };
  cluster.say(client, { type: "movejoin", ...lies, identity: "ann", ticket: pass });
  assert.equal(client.heard[1], change("ann", "MainHall-s1", "MainHall-s2"));
});

moving("5.8 a room that is gone on arrival: the main hall", () => {
  const cluster = threeServers();
  const owner = cluster.login("s2", "bob");
  cluster.say(owner, { type: "createroom", roomid: "den" });
  const pass = routed(cluster, cluster.login("s1", "ann"), "den");
  cluster.say(owner, { type: "quit" });
  const client = arrive(cluster, "s2", "ann", pass);
  assert.equal(client.heard[1], change("ann", "MainHall-s1", "MainHall-s2"));
});

moving("5.9 the target says how the move ended, and again on a new link until acknowledged", () => {
  const cluster = threeServers();
  const ann = cluster.login("s1", "ann");
  const pass = routed(cluster, ann);
  cluster.dialOutcome = () => ({ type: "silent" });
  cluster.cut("s1", "s2");
  assert.is(answerTo(arrive(cluster, "s2", "ann", pass)), "true");
  assert.equal([cluster.state("s2").endedMoves.size, ann.closed], [1, false]);
  cluster.dialOutcome = () => undefined;
  cluster.advance(1_400);
  assert.equal([cluster.state("s2").endedMoves.size, ann.closed], [0, true]);
  assert.equal([cluster.state("s1").sessions.size, seats(cluster, "ann")], [0, 1]);
});

moving(
  "5.10 who carries on where it was is back in the main hall, and its lines are served",
  () => {
    const cluster = threeServers();
    const ann = cluster.login("s1", "ann");
    const bob = cluster.login("s1", "bob");
    cluster.say(ann, { type: "createroom", roomid: "den" });
    cluster.say(ann, { type: "deleteroom", roomid: "den" });
    const pass = routed(cluster, ann);
    cluster.take(bob);
    cluster.say(ann, { type: "message", content: "still here" });
    cluster.say(ann, { type: "who" });
    const back = change("ann", "MainHall-s2", "MainHall-s1");
    assert.equal(cluster.take(bob), [
      back,
      { type: "message", identity: "ann", content: "still here" },
    ]);
    assert.equal(ann.heard[0], back);
    assert.is(ann.heard[1]?.type, "roomcontents");
    assert.is(answerTo(arrive(cluster, "s2", "ann", pass)), "ticket-invalid");
    assert.is(seats(cluster, "ann"), 1);
  },
);

moving("5.10 a move cancelled while its client arrives: one seat, in every order", () => {
  const base = serversOfFile(["s1", "s2"]);
  const ann = base.login("s1", "ann");
  const pass = routed(base, ann);
  const visitor = base.connect("s2");
  const outcomes = new Set<string>();
  const [former, roomid] = ["MainHall-s1", "MainHall-s2"];
  const { complete } = everyOrder(5_000, (choose) => {
    const cluster = base.fork();
    cluster.choose = choose;
    const [here, there] = [cluster.mine(ann), cluster.mine(visitor)];
    cluster.say(there, { type: "movejoin", former, roomid, identity: "ann", ticket: pass }, false);
    cluster.say(here, { type: "message", content: "no" }, false);
    cluster.settle();
    const isBack = here.heard.at(-1)?.type === "roomchange";
    assert.is(answerTo(there) === "true", here.closed);
    assert.is(isBack, !here.closed);
    assert.equal([seats(cluster, "ann"), cluster.state("s2").endedMoves.size], [1, 0]);
    outcomes.add(answerTo(there));
  });
  assert.ok(complete);
  assert.equal([...outcomes].sort(), ["ticket-invalid", "true"]);
});

moving("5.10 a closed connection keeps the name until the target has ended the move", () => {
  const cluster = threeServers();
  const ann = cluster.login("s1", "ann");
  const pass = routed(cluster, ann);
  cluster.hangUp(ann);
  assert.ok(cluster.login("s3", "ann").closed);
  const later = cluster.fork();
  assert.is(answerTo(arrive(cluster, "s2", "ann", pass)), "true");
  assert.is(cluster.state("s1").sessions.size, 0);
  later.advance(10_000);
  assert.equal([later.state("s1").sessions.size, later.state("s2").reservations.size], [0, 0]);
  assert.not.ok(later.login("s3", "ann").closed);
});

moving("5.11 the target dies: the mover is back; the old server dies: the pass still works", () => {
  const cluster = threeServers();
  const ann = cluster.login("s1", "ann");
  const pass = routed(cluster, ann);
  const other = cluster.fork();
  cluster.crash("s2");
  cluster.advance(2_000);
  assert.equal(cluster.take(ann), [change("ann", "MainHall-s2", "MainHall-s1")]);
  cluster.say(ann, { type: "who" });
  assert.is(ann.heard[0]?.type, "roomcontents");
  other.crash("s1");
  other.advance(2_000);
  assert.is(answerTo(arrive(other, "s2", "ann", pass)), "true");
  assert.is(other.state("s2").sessions.size, 1);
});

moving(
  "5.12 a join that waited is refused when the time of its request is over, in its turn",
  () => {
    const cluster = loneServer();
    const ann = cluster.login(own, "ann");
    const target = new Puppet(cluster, "t9");
    cluster.take(ann);
    cluster.say(ann, { type: "join", roomid: "MainHall-t9" });
    cluster.say(ann, { type: "join", roomid: "MainHall-t9" });
    cluster.say(ann, { type: "who" });
    wait(cluster, 4_600, target);
    const told = cluster.take(ann).map((reply) => ("reason" in reply ? reply.reason : reply.type));
    assert.equal(told, ["unreachable", "unreachable", "roomcontents"]);
  },
);

moving(
  "5.9 a link cut in any phase of a move, and made anew: nothing doubled, nothing lost",
  () => {
    const phases = ["moveidentity", "answer", "endmove", "moveended", "acknowledgement"];
    for (const phase of phases) {
      for (const wanted of ["arrives", "carries on", "hangs up"]) {
        const cluster = threeServers();
        const ann = cluster.login("s1", "ann");
        let isCut = false;
        cluster.hold = (_from, _to, message) => {
          const isAnswer = message.type === "moveidentity" && message.approved !== undefined;
          const isAcknowledged = message.type === "endmove" && message.acknowledged === "true";
          const name = isAnswer ? "answer" : isAcknowledged ? "acknowledgement" : message.type;
          isCut ||= name === phase;
          return isCut;
        };
        cluster.take(ann);
        const mend = () => {
          if (!isCut) return;
          cluster.cut("s1", "s2");
          cluster.release();
          isCut = false;
          cluster.advance(1_000);
        };
        cluster.say(ann, { type: "join", roomid: "MainHall-s2" });
        mend();
        const route = cluster.take(ann).at(-1);
        assert.is(route?.type, "route", `${phase}, ${wanted}`);
        const pass = route?.type === "route" ? route.ticket : "";
        const there = wanted === "arrives" ? arrive(cluster, "s2", "ann", pass) : undefined;
        if (wanted === "carries on") cluster.say(ann, { type: "message", content: "x" });
        if (wanted === "hangs up") cluster.hangUp(ann);
        mend();
        cluster.advance(11_000);
        mend();
        cluster.advance(3_000);
        const expected = wanted === "hangs up" ? 0 : 1;
        const left = [...cluster.nodes.values()].map(({ state }) => [
          state.reservations.size,
          state.endedMoves.size,
          state.announced.size,
        ]);
        const nothing = [0, 0, 0];
        assert.equal([seats(cluster, "ann"), left], [expected, [nothing, nothing, nothing]]);
        if (there !== undefined) assert.is(ann.closed && answerTo(there) === "true", true);
      }
    }
  },
);

moving(
  "9.1 an admin's disconnect ends a session that is on its way, on whichever side it is told",
  () => {
    for (const side of ["s1", "s2", "s3"]) {
      const cluster = threeServers();
      const ann = cluster.login("s1", "ann", "ann@example.org");
      const pass = routed(cluster, ann);
      const connection = 900 as ConnectionId;
      const certificateId = "admin" as ServerId;
      cluster.input(side, { type: "opened", connection, role: "admin", certificateId });
      const request = { type: "disconnect", username: "ann@example.org" } as const;
      cluster.input(side, { type: "admin-request", connection, request });
      cluster.settle();
      assert.is(answerTo(arrive(cluster, "s2", "ann", pass)), "ticket-invalid", side);
      for (const { state } of cluster.nodes.values()) {
        assert.not.ok(
          state.sessions.has(identity("ann")) || state.reservations.has(identity("ann")),
        );
      }
    }
  },
);

moving("5.10 moves under random orders and cuts: one seat each, and nothing left behind", () => {
  const base = threeServers();
  const users = ["ann", "bob", "cat"].map((name, n) => base.login(`s${n + 1}`, name));
  let arrivals = 0;
  for (let seed = 0; seed < 120; seed++) {
    const cluster = base.fork();
    const choose = seeded(seed);
    cluster.choose = choose;
    const clients = users.map((user) => cluster.mine(user));
    const names = ["ann", "bob", "cat"];
    for (const [n, client] of clients.entries()) {
      cluster.say(client, { type: "join", roomid: `MainHall-s${((n + 1) % 3) + 1}` }, false);
    }
    for (let step = choose(30); step > 0; step--) cluster.deliverOne();
    cluster.cut("s1", choose(2) === 0 ? "s2" : "s3");
    cluster.advance(choose(1_500));
    const there = clients.map((client, n) => {
      const route = client.heard.find(({ type }) => type === "route");
      const isGoing = route?.type === "route" && choose(3) > 0;
      if (choose(3) === 0) cluster.say(client, { type: "who" }, false);
      return isGoing
        ? arrive(cluster, `s${((n + 1) % 3) + 1}`, names[n] ?? "", route.ticket)
        : client;
    });
    cluster.cut("s2", "s3");
    cluster.advance(15_000);
    for (const [n, name] of names.entries()) {
      assert.is(seats(cluster, name), 1, `seed ${seed}: ${name}`);
      if (there[n] !== clients[n] && !there[n]?.closed) arrivals++;
    }
    for (const { state } of cluster.nodes.values()) {
      checkState(state);
      const { reservations, announced, endedMoves, locks } = state;
      const left = [reservations, announced, endedMoves, locks].map(({ size }) => size);
      assert.equal(left, [0, 0, 0, 0], `seed ${seed}`);
    }
  }
  assert.ok(arrivals > 30);
});

moving.run();
