/**
 * What holds for the state of a server after every step, whatever was said to it.
 *
 * @module
 */

import * as assert from "uvu/assert";
import type { ServerState } from "../../lib/server/state.ts";

/** Fails when the tables of a server contradict each other. */
export function checkState(state: ServerState): void {
  checkSeats(state);
  checkClients(state);
  checkNames(state);
  checkLinks(state);
}

/** Who is in sits in exactly one room; who was routed away in none; owners in their own. */
function checkSeats({ sessions, rooms, reservations }: ServerState): void {
  const seats = new Map<string, string>();
  for (const { roomid, members, owner } of rooms.values()) {
    for (const [identity, connection] of members) {
      assert.not.ok(seats.has(identity), `${identity} sits twice`);
      seats.set(identity, roomid);
      assert.is(sessions.get(identity)?.connection, connection, `the seat of ${identity}`);
    }
    if (owner !== "") assert.ok(members.has(owner), `${owner} is not in its room`);
  }
  for (const { identity, roomid, move } of sessions.values()) {
    const isAway = move?.phase === "routed" || move?.phase === "ending";
    assert.is(seats.get(identity), isAway ? undefined : roomid, `the room of ${identity}`);
    assert.not.ok(reservations.has(identity), `${identity} is in and reserved`);
  }
}

/** Every connection stands for what it says, and nothing is left to be served. */
function checkClients({ clients, sessions, claims, unserved }: ServerState): void {
  assert.is(unserved.length, 0);
  for (const { connection, identity, activity, backlog, backlogSize } of clients.values()) {
    const size = backlog.reduce((sum, line) => sum + line.size, 0);
    assert.is(backlogSize, size, "the size of a backlog");
    if (activity.type === "closing") assert.is(size, 0);
    if (activity.type === "idle" && identity !== undefined) {
      assert.is(sessions.get(identity)?.connection, connection, `the connection of ${identity}`);
    }
    if (activity.type === "claiming") {
      const queue = claims.get(activity.name) ?? [];
      assert.ok(
        queue.some((claim) => claim.connection === connection),
        "a client waits for a claim that is not there",
      );
    }
  }
}

/** A name that somebody waits for is locked; only the first of a queue is under vote. */
function checkNames({ locks, claims, clients }: ServerState): void {
  for (const [name, { lock, questions }] of locks) {
    assert.ok(lock !== undefined, `${name} is free and ${questions.length} wait for it`);
  }
  for (const [name, [first, ...others]] of claims) {
    assert.ok(first !== undefined && locks.has(name), `a claim of ${name} waits for nothing`);
    for (const { ballot } of others) assert.is(ballot, undefined);
    for (const { connection } of [first, ...others]) assert.ok(clients.has(connection as never));
  }
}

/** A peer has at most one link, and that is open. */
function checkLinks({ peers, links }: ServerState): void {
  for (const [id, { link }] of peers) {
    if (link === undefined) continue;
    assert.equal([links.get(link)?.peer, links.get(link)?.phase], [id, "open"]);
  }
}
