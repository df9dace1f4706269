/**
 * The state tables of PROTOCOL.md section 5, row by row against the machine: both sides of a move.
 *
 * @module
 */

import { suite } from "uvu";
import type { ClientReply } from "../lib/wire/client-messages.ts";
import type { PeerMessage } from "../lib/wire/server-messages.ts";
import type { TestClient } from "./support/cluster.ts";
import { identity, loneServer, own, Puppet, stateOf, wait } from "./support/puppet.ts";
import { type Bench, checkRows } from "./support/tables.ts";

const oldSide = suite("protocol 5, old's states");

checkRows(oldSide, "5.10", "### Old's states", (): Bench => {
  const cluster = loneServer();
  const ann = cluster.login(own, "ann");
  const target = new Puppet(cluster, "t9");
  let number = 0;
  let hungUp = false;
  const join = () => {
    cluster.say(ann, { type: "join", roomid: "MainHall-t9" });
    number = stateOf(cluster).sessions.get(identity("ann"))?.move?.number ?? 0;
  };
  const answer = (approved: string, rest: object) =>
    target.say({ type: "moveidentity", identity: "ann", move: number, approved, ...rest });
  const approve = () => answer("true", { pass: "p4ss" });
  const ended = (arrived: string) =>
    target.say({ type: "moveended", identity: "ann", move: number, arrived });
  const speak = () => cluster.say(ann, { type: "message", content: "hello?" });
  const paths: Readonly<Record<string, readonly (() => void)[]>> = {
    in: [],
    announced: [join],
    routed: [join, approve],
    ending: [join, approve, speak],
    gone: [join, approve, () => ended("true")],
  };
  return {
    begin: (state) => {
      for (const act of paths[state] ?? []) act();
      hungUp ||= ann.closed;
    },
    events: {
      "join elsewhere": join,
      "answered true": approve,
      "answered false": () => answer("false", { reason: "identity-in-use" }),
      "3 s over": () => wait(cluster, 3_000, target),
      "moveended true": () => ended("true"),
      "moveended false": () => ended("false"),
      "connection closed": () => {
        hungUp = true;
        cluster.hangUp(ann);
      },
      "line of the user": speak,
      "link anew": () => target.relink(),
      "target replaced": () => target.restart(),
    },
    state: () => {
      const session = stateOf(cluster).sessions.get(identity("ann"));
      return session === undefined ? "gone" : (session.move?.phase ?? "in");
    },
    said: () => [
      ...target.take().flatMap(toTarget),
      ...(hungUp ? [] : cluster.take(ann).map(toUser)),
      ...(ann.closed && !hungUp ? ["close"] : []),
    ],
  };
});

function toTarget(message: PeerMessage): readonly string[] {
  if (message.type === "moveidentity") return ["moveidentity"];
  if (message.type !== "endmove") return [];
  return [message.acknowledged === "true" ? "acknowledgement" : "endmove"];
}

function toUser(message: ClientReply): string {
  const isRefused = message.type === "roomchange" && message.reason !== undefined;
  return isRefused ? "roomchange refused" : message.type;
}

oldSide.run();

const targetSide = suite("protocol 5, the target's states");

checkRows(targetSide, "5.9", "### The target's states", (): Bench => {
  const cluster = loneServer();
  cluster.login(own, "held");
  const old = new Puppet(cluster, "o9");
  const asker = new Puppet(cluster, "a1");
  let name = "bob";
  let pass = "";
  let visitor: TestClient | undefined;
  const announce = (move = 1) =>
    old.say({
      type: "moveidentity",
      ...{ identity: name, move, username: "bob", claimedat: 5, former: "MainHall-o9" },
      roomid: `MainHall-${own}`,
    });
  const lock = () => asker.say({ type: "lockidentity", identity: "bob", stamp: 7 });
  const arrive = (ticket: string) => {
    visitor = cluster.connect(own);
    const { roomid, former } = { roomid: `MainHall-${own}`, former: "MainHall-o9" };
    cluster.say(visitor, { type: "movejoin", former, roomid, identity: "bob", ticket });
  };
  const end = (acknowledged: string) =>
    old.say({ type: "endmove", identity: "bob", move: 1, acknowledged });
  const paths: Readonly<Record<string, readonly (() => void)[]>> = {
    none: [],
    waiting: [lock, announce],
    reserved: [announce],
    arrived: [announce, () => heardByOld(), () => arrive(pass)],
    ended: [announce, () => heardByOld(), () => end("false")],
  };
  function heardByOld(): readonly string[] {
    return old.take().flatMap((message) => {
      if (message.type === "moveended") return [`moveended ${message.arrived}`];
      if (message.type !== "moveidentity" || message.approved === undefined) return [];
      if (message.approved === "false") return [`refused ${message.reason}`];
      const words = pass === "" ? "pass" : pass === message.pass ? "same pass" : "new pass";
      pass = message.pass ?? "";
      return [words];
    });
  }
  return {
    begin: (state) => {
      for (const act of paths[state] ?? []) act();
    },
    events: {
      "announced, name free": announce,
      "announced, name held": () => {
        name = "held";
        announce();
        name = "bob";
      },
      "announced, name locked": () => [lock(), announce()],
      "announced again": announce,
      "announced under a later number": () => announce(2),
      "lock ended": () => asker.say({ type: "releaseidentity", identity: "bob", stamp: 7 }),
      endmove: () => end("false"),
      acknowledged: () => end("true"),
      "movejoin with the pass": () => arrive(pass),
      "movejoin with another pass": () => arrive(`${pass}x`),
      "10 s over": () => wait(cluster, 10_000, old, asker),
      "old replaced": () => old.restart(),
      "link anew": () => old.relink(),
    },
    state: () => {
      const { reservations, announced, endedMoves } = stateOf(cluster);
      if (reservations.has(identity("bob"))) return "reserved";
      if (announced.has(identity("bob"))) return "waiting";
      const ended = endedMoves.first();
      return ended === undefined ? "none" : ended.arrived ? "arrived" : "ended";
    },
    said: () => [
      ...heardByOld(),
      ...(visitor === undefined ? [] : cluster.take(visitor)).map((reply) =>
        reply.type === "serverchange" ? `serverchange ${reply.approved}` : reply.type,
      ),
    ],
  };
});

targetSide.run();
