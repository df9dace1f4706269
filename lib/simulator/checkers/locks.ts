/**
 * I5: "every claim ends within 3 s, a lock whose asker has vanished within 6 s; none outlives its
 * asker's eviction. Two claims for one name at once: never both; and exactly one wins if all
 * members answer and the winner's client stays." So nobody is denied a name that nobody holds.
 *
 * @module
 */

import type { Identity, RoomId } from "../../base/ids.ts";
import type { Ballot } from "../../lock/ballot.ts";
import {
  identityLock,
  isOlder,
  type LockName,
  lockedName,
  roomLock,
} from "../../lock/lock-table.ts";
import { isPresent } from "../../membership/membership.ts";
import type { ServerEffect } from "../../server/inputs.ts";
import type { ServerState } from "../../server/state.ts";
import { serverMachine } from "../../server/step.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Stepped, Watch } from "./checker.ts";
import { checkRefused, type Name } from "./freed-names.ts";

const claimMs = 3_000;
const leaseMs = 6_000;
/** Nothing disturbs a request any longer that began after so much calm. */
const calmMs = 10_000;
/** Long enough for every question to be answered that waits for nothing. */
const voteMs = 1_500;
/** Timers are late, and a sweep sees things only every quarter of a second. */
const slackMs = 700;

/** Watches over claims and locks. */
export function locks(watch: Watch): Checker {
  const seen = new Map<string, number>();
  const held = new Map<string, number>();
  return {
    promise: "I5",
    stepped: (step) => {
      const { server, before, after, effects } = step;
      noteHolders(held, watch.cluster.now, before, after);
      checkYield(watch, step);
      checkDropped(watch, step);
      for (const effect of effects) {
        noteEvent(held, watch.cluster.now, effect);
        if (effect.type !== "send") continue;
        const { message, to } = effect;
        if ("reason" in message && message.reason === "busy" && message.type !== "error") {
          watch.looked("I5");
          // Who is on its way to another server has its later lines wait for that.
          const asker = to[0] === undefined ? undefined : watch.cluster.talks.get(to[0]);
          if (asker?.conversation.state === "routed") continue;
          if (watch.isCalm(calmMs) && watch.hasMajority() && watch.ties.allTiedMs() > calmMs) {
            watch.complain("I5", `${server.id} is too busy for ${message.type} in a calm cluster`);
          }
        }
        const isLogin = message.type === "newidentity" && message.reason === "identity-in-use";
        const isRoom = message.type === "createroom" && message.reason === "room-exists";
        if (!isLogin && !isRoom) continue;
        const talk = to[0] === undefined ? undefined : watch.cluster.talks.get(to[0]);
        if (talk === undefined) continue;
        const name: Name = isRoom
          ? { kind: "room", name: message.roomid as RoomId }
          : { kind: "identity", name: talk.conversation.identity as Identity };
        const readAt = talk.conversation.pending[0]?.readAt ?? watch.cluster.now;
        const heldAt = held.get(`${name.kind}:${name.name}`) ?? -1;
        checkDenial(watch, server, name, heldAt >= readAt - 1_000);
      }
    },
    swept: () => {
      for (const server of watch.cluster.live()) {
        if (server.status === "running") sweep(watch, server, seen);
      }
    },
  };
}

function noteHolders(
  held: Map<string, number>,
  now: number,
  before: ServerState,
  after: ServerState,
): void {
  if (before.sessions !== after.sessions || before.reservations !== after.reservations) {
    for (const state of [before, after]) {
      for (const name of state.sessions.keys()) held.set(`identity:${name}`, now);
      for (const name of state.reservations.keys()) held.set(`identity:${name}`, now);
    }
  }
  if (before.rooms === after.rooms && before.directory === after.directory) return;
  for (const state of [before, after]) {
    for (const name of state.rooms.keys()) held.set(`room:${name}`, now);
    for (const name of state.directory.keys()) held.set(`room:${name}`, now);
  }
}

/** What is won and given up again within one step was held as well. */
function noteEvent(held: Map<string, number>, now: number, effect: ServerEffect): void {
  if (effect.type !== "report") return;
  const { event } = effect;
  if (event.event === "login" || event.event === "logout")
    held.set(`identity:${event.identity}`, now);
  if (event.event === "room-created") held.set(`room:${event.roomid}`, now);
}

/** An attempt yields to older ones only; so the oldest always gets through. */
function checkYield(watch: Watch, { server, before, after, input }: Stepped): void {
  if (input.type !== "peer-message") return;
  const { message } = input;
  if (message.type !== "lockidentity" && message.type !== "lockroomid") return;
  if (message.locked !== undefined) return;
  const name =
    message.type === "lockidentity" ? identityLock(message.identity) : roomLock(message.roomid);
  const attempt = before.claims.get(name)?.[0]?.ballot?.attempt;
  const claim = after.claims.get(name)?.[0];
  const isSame = claim?.connection === before.claims.get(name)?.[0]?.connection;
  if (attempt === undefined || !isSame || claim?.ballot?.attempt.stamp === attempt.stamp) return;
  watch.looked("I5");
  const theirs = { asker: message.serverid, stamp: message.stamp };
  if (isOlder(theirs, attempt)) return;
  watch.complain("I5", `${server.id} yields to a younger attempt of ${theirs.asker} on ${name}`);
}

function checkDenial(watch: Watch, server: ServerProcess, name: Name, wasHeld: boolean): void {
  watch.looked("I5");
  if (wasHeld || checkRefused(watch, server, name)) return;
  const isRecorded = watch.cluster.live().some(({ state }) => {
    return name.kind === "room" && state.directory.has(name.name);
  });
  if (isRecorded) return;
  watch.complain("I5", `${server.id} refuses ${name.name}, which nobody holds`);
}

/** What a server asked for that is evicted or replaced is locked for nobody any longer. */
function checkDropped(watch: Watch, { server, before, after, effects }: Stepped): void {
  for (const effect of effects) {
    if (effect.type !== "report" || !("member" in effect.event)) continue;
    const { event, member } = effect.event;
    if (event !== "member-evicted" && event !== "member-left") continue;
    watch.looked("I5");
    for (const [name, { lock, questions }] of after.locks) {
      const asks = (lock === undefined ? questions : [lock.attempt, ...questions]).some(
        ({ asker }) => asker === member,
      );
      if (!asks || isPresent(after.membership.get(member))) continue;
      const was = before.locks.has(name) ? "keeps" : "takes";
      watch.complain("I5", `${server.id} ${was} a lock of ${member} on ${name} past its ${event}`);
    }
  }
}

/** A voter that is there, and has the name locked for nobody else, has answered by now. */
function checkStuck(watch: Watch, server: ServerProcess, name: LockName, ballot: Ballot): void {
  for (const voter of ballot.voters) {
    const other = watch.cluster.processes.get(voter);
    if (ballot.granted.has(voter) || other === undefined) continue;
    if (watch.ties.tiedMs(server, other) < voteMs) continue;
    const lock = other.state.locks.get(name)?.lock;
    if (lock !== undefined && lock.attempt.asker !== server.id) continue;
    if (watch.faults.recent(voteMs).size > 0) continue;
    watch.complain("I14", `${server.id} waits for ${voter}, which is there, about ${name}`);
  }
}

function sweep(watch: Watch, server: ServerProcess, seen: Map<string, number>): void {
  const { state, now } = server;
  const isBehind = (serverMachine.nextDeadline(state) ?? now) < now;
  if (isBehind) return;
  const age = (key: string) => {
    const since = seen.get(key);
    if (since === undefined) seen.set(key, now);
    return now - (since ?? now);
  };
  const run = `${server.id}@${server.startedAt}`;
  for (const [name, queue] of state.claims) {
    const ballot = queue[0]?.ballot;
    const attemptMs = ballot && age(`${run} attempt ${name} ${ballot.attempt.stamp}`);
    if (ballot && (attemptMs ?? 0) > voteMs) checkStuck(watch, server, name, ballot);
    for (const { connection, deadline } of queue) {
      watch.looked("I5");
      const ms = age(`${run} claim ${name} ${connection} ${deadline}`);
      if (ms > claimMs + slackMs)
        watch.complain("I5", `a claim of ${name} on ${run} takes ${ms} ms`);
    }
  }
  for (const [name, { lock, questions }] of state.locks) {
    for (const { asker, stamp } of lock === undefined ? questions : [lock.attempt, ...questions]) {
      watch.looked("I5");
      const isOwn = asker === server.id;
      if (!isOwn && !isPresent(state.membership.get(asker))) {
        watch.complain("I5", `${server.id} keeps a lock of ${asker}, which is gone, on ${name}`);
      }
      const isHeld = lock?.attempt.stamp === stamp && lock.attempt.asker === asker;
      const ms = age(`${run} lock ${name} ${asker} ${stamp} ${isHeld}`);
      const mostMs = isOwn ? claimMs : leaseMs;
      if (isHeld && ms > mostMs + slackMs) {
        watch.complain("I5", `${server.id} keeps ${lockedName(name).kind} locked for ${ms} ms`);
      }
    }
  }
}
