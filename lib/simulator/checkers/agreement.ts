/**
 * I8: "10 s after the last change of faults all live servers agree on members and rooms." What they
 * agree on must also be so. And nothing is left over by then: no lock, no claim, no user that only
 * one side knows of.
 *
 * @module
 */

import { isPresent } from "../../membership/membership.ts";
import type { ServerState } from "../../server/state.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Watch } from "./checker.ts";

/** How long a newcomer may look for somebody, with a clock that runs slowly. */
const joinMs = 13_000;

/** Watches over the end of all troubles. */
export function agreement(watch: Watch): Checker {
  return {
    promise: "I8",
    settled: () => {
      if (!watch.hasMajority()) return;
      for (const { state, id } of membersOf(watch)) {
        watch.looked("I8");
        if (state.phase !== "serving") watch.complain("I8", `${id} is still ${state.phase}`);
        if (state.fenced) watch.complain("I8", `${id} has no majority`);
      }
      compare(watch, "members", memberTextOf);
      compare(watch, "rooms", roomTextOf);
      compareWithTruth(watch);
    },
    finished: () => {
      if (!watch.hasMajority()) return;
      for (const { state } of watch.cluster.live()) leftOver(watch, state);
      ghosts(watch);
    },
  };
}

/** Those that live, but for newcomers that still have time to find anybody. */
function membersOf(watch: Watch): ServerProcess[] {
  return watch.cluster.live().filter(({ state, config, startedAt }) => {
    const isYoung = watch.cluster.now - startedAt < joinMs;
    return !(config.mustJoin && isYoung && state.phase === "starting");
  });
}

function compare(watch: Watch, what: string, view: (state: ServerState) => string): void {
  const views = membersOf(watch).map(({ id, state }) => ({ id, seen: view(state) }));
  const [first] = views;
  for (const { id, seen } of views) {
    watch.looked("I8");
    if (first === undefined || seen === first.seen) continue;
    watch.complain("I8", `${what} of ${first.id}: ${first.seen}; of ${id}: ${seen}`);
  }
}

/** That nobody contradicts anybody is not enough: nobody may count on the dead. */
function compareWithTruth(watch: Watch): void {
  const living = membersOf(watch);
  const states = new Map<string, ServerState>(living.map(({ id, state }) => [id, state]));
  for (const { id, state } of living) {
    for (const member of state.membership.values()) {
      watch.looked("I8");
      if (!isPresent(member) || states.get(member.id)?.incarnation === member.incarnation) continue;
      watch.complain("I8", `${id} counts on ${member.id}@${member.incarnation}, which is gone`);
    }
    for (const [roomid, { server }] of state.directory) {
      watch.looked("I8");
      if (states.get(server)?.rooms.has(roomid)) continue;
      watch.complain("I8", `${id} lists ${roomid} of ${server}, which has no such room`);
    }
  }
}

function memberTextOf(state: ServerState): string {
  const members = [...state.membership.values()]
    .filter(isPresent)
    .map(({ id, incarnation, status }) => `${id}@${incarnation}${status === "alive" ? "" : "?"}`);
  return [...members, `${state.config.serverid}@${state.incarnation}`].sort().join(" ");
}

function roomTextOf(state: ServerState): string {
  const own = [...state.rooms.values()].filter(({ owner }) => owner !== "");
  const rooms = [
    ...own.map(({ roomid, claimedAt }) => `${roomid}@${state.config.serverid}@${claimedAt}`),
    ...[...state.directory].map(
      ([roomid, { server, claimedAt }]) => `${roomid}@${server}@${claimedAt}`,
    ),
  ];
  return rooms.sort().join(" ");
}

function leftOver(watch: Watch, state: ServerState): void {
  const { locks, announced, endedMoves, suspicions, ghosts: late } = state;
  const { serverid } = state.config;
  watch.looked("I8");
  for (const { identity, move } of state.sessions.values()) {
    if (move === undefined) continue;
    watch.complain("I8", `${identity} still moves from ${serverid} to ${move.target}`);
  }
  // How the moves of a server ended that never came back is kept until an admin removes it.
  const told = endedMoves.filter(({ from }) => isPresent(state.membership.get(from)));
  const left = { announced: announced.size, endedMoves: told.size };
  for (const [what, size] of Object.entries({ ...left, ghosts: late.size })) {
    if (size > 0) watch.complain("I8", `${serverid} has ${size} left of: ${what}`);
  }
  for (const [name, { lock }] of locks) {
    if (lock !== undefined && lock.attempt.asker !== serverid) continue;
    if (!state.claims.has(name)) watch.complain("I5", `${serverid} has ${name} locked for nobody`);
  }
  for (const id of suspicions.keys()) {
    if (isPresent(state.membership.get(id))) watch.complain("I8", `${serverid} suspects ${id}`);
  }
}

/** A user whose connection is open is in where it believes to be in; nobody else is. */
function ghosts(watch: Watch): void {
  for (const [connection, { conversation, server, end }] of watch.cluster.talks) {
    if (server.status !== "running" || end.status !== "open") continue;
    watch.looked("I8");
    const identity = server.state.clients.get(connection)?.identity;
    const session = identity === undefined ? undefined : server.state.sessions.get(identity);
    const isIn = session?.connection === connection;
    if (conversation.state === "in" && conversation.pending.length === 0 && !isIn) {
      const { room } = conversation;
      watch.complain("I7", `${conversation.identity} believes to be in ${room} on ${server.id}`);
    }
    if (conversation.state === "in" && conversation.pending.length === 0 && isIn) {
      watch.looked("I7");
      const { roomid } = session;
      if (conversation.room === roomid || session.move !== undefined) continue;
      const where = `${conversation.room}, but is in ${roomid}`;
      watch.complain("I7", `${conversation.identity} on ${server.id} believes to be in ${where}`);
    }
  }
  for (const { state, id } of watch.cluster.live()) {
    for (const { connection, identity } of state.sessions.values()) {
      if (connection !== undefined && state.clients.has(connection)) continue;
      watch.complain("I7", `${identity} is in on ${id} without a connection`);
    }
  }
}
