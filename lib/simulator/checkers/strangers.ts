/**
 * I12: "not one byte from an unverified peer changes anything; a peer may only speak for itself:
 * its own id, names and rooms." What a step changed is compared with what time alone would have.
 *
 * @module
 */

import type { ServerId } from "../../base/ids.ts";
import type { LockTable } from "../../lock/lock-table.ts";
import type { ServerState } from "../../server/state.ts";
import { serverMachine } from "../../server/step.ts";
import { liarId } from "../lying-peer.ts";
import type { Checker, Stepped, Watch } from "./checker.ts";

const tables = [
  "sessions",
  "rooms",
  "directory",
  "locks",
  "claims",
  "announced",
  "reservations",
  "endedMoves",
  "membership",
  "roster",
  "incarnation",
  "clock",
] as const;

/** What a member says of names; its lists are merged by rules of their own (I1, I2). */
const speaking: ReadonlySet<string> = new Set([
  "releaseidentity",
  "releaseroomid",
  "lockidentity",
  "lockroomid",
  "moveidentity",
  "moveended",
  "endmove",
  "deleteroom",
]);

/** Watches over what peers may change. */
export function strangers(watch: Watch): Checker {
  return {
    promise: "I12",
    stepped: (step) => {
      const { input, before, after } = step;
      if (input.type !== "peer-message" && input.type !== "malformed") return;
      const link = before.links.get(input.connection);
      if (link === undefined) return;
      const isForeign = input.type === "peer-message" && input.message.serverid !== link.peer;
      if (link.peer === liarId || isForeign || input.type === "malformed") {
        checkUnchanged(watch, step, link.peer);
        return;
      }
      checkOwnOnly(watch, step, link.peer);
      if (after.directory !== before.directory) checkDirectory(watch, step, link.peer);
    },
  };
}

/** Only what the passing of time alone would have changed may have changed. */
function checkUnchanged(watch: Watch, { server, before, after, input }: Stepped, peer: string) {
  watch.looked("I12");
  const untouched = serverMachine.step(before, { type: "tick", at: input.at }).state;
  for (const table of tables) {
    if (isSame(untouched[table], after[table])) continue;
    const type = input.type === "peer-message" ? input.message.type : "nonsense";
    watch.complain("I12", `${type} of ${peer} changes the ${table} of ${server.id}`);
  }
  const [was, is] = [untouched, after].map(({ peers }) => {
    return [...peers].filter(([id]) => id !== peer).map(([id, known]) => [id, known.heardAt]);
  });
  if (isSame(was, is)) return;
  watch.complain("I12", `${peer} changes what ${server.id} knows of other peers`);
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(plain(one)) === JSON.stringify(plain(other));
}

function plain(table: unknown): unknown {
  if (table instanceof Map) return [...table];
  return table instanceof Set ? [...table] : table;
}

/** The end of somebody else's attempt or move, or somebody else's vote, is not a peer's to say. */
function checkOwnOnly(watch: Watch, step: Stepped, peer: ServerId): void {
  const { server, before, after, input } = step;
  if (input.type !== "peer-message" || !speaking.has(input.message.type)) return;
  watch.looked("I12");
  const due = serverMachine.step(before, { type: "tick", at: input.at }).state;
  checkMoves(watch, step, due, peer);
  checkVotes(watch, step, due, peer);
  const { message } = input;
  if (message.type !== "releaseidentity") return;
  for (const [name, attempt] of othersLocks(due.locks, peer, server.id)) {
    const now = after.locks.get(name as never);
    const isKept =
      now?.lock?.attempt.stamp === attempt.stamp && now.lock.attempt.asker === attempt.asker;
    if (isKept || name !== `identity:${message.identity}`) continue;
    watch.complain("I12", `${peer} ends the lock of ${attempt.asker} on ${name} at ${server.id}`);
  }
}

/** Of a move only its two ends may say anything: the target how it ended, the other that it may. */
function checkMoves(watch: Watch, { server, after }: Stepped, due: ServerState, peer: ServerId) {
  for (const [identity, { move, claimedAt }] of due.sessions) {
    if (move === undefined || move.target === peer) continue;
    const now = after.sessions.get(identity);
    if (now?.move?.number === move.number && now.move.phase === move.phase) continue;
    if (now !== undefined && now.claimedAt !== claimedAt) continue;
    watch.complain(
      "I12",
      `${peer} ends the move of ${identity} from ${server.id} to ${move.target}`,
    );
  }
  for (const [identity, { from, move }] of due.reservations) {
    const now = after.reservations.get(identity);
    if (from === peer || (now?.from === from && now.move === move)) continue;
    watch.complain("I12", `${peer} ends the move of ${identity} from ${from} to ${server.id}`);
  }
}

/** A vote that is counted is the speaker's own. */
function checkVotes(watch: Watch, { server, after }: Stepped, due: ServerState, peer: ServerId) {
  for (const [name, [claim]] of due.claims) {
    const now = after.claims.get(name)?.[0]?.ballot;
    if (claim?.ballot?.attempt.stamp !== now?.attempt.stamp) continue;
    for (const voter of now?.granted ?? []) {
      if (voter === peer || claim?.ballot?.granted.has(voter)) continue;
      watch.complain("I12", `${peer} votes for ${voter} on ${name} at ${server.id}`);
    }
  }
}

function* othersLocks(locks: LockTable, peer: ServerId, own: ServerId) {
  for (const [name, { lock }] of locks) {
    if (lock === undefined || lock.attempt.asker === peer || lock.attempt.asker === own) continue;
    yield [name as string, lock.attempt] as const;
  }
}

/** What a peer says of its rooms leaves those of others, unless both claim one room. */
function checkDirectory(watch: Watch, { server, before, after, input }: Stepped, peer: ServerId) {
  if (input.type !== "peer-message" || input.message.type !== "deleteroom") return;
  watch.looked("I12");
  const due: ServerState = serverMachine.step(before, { type: "tick", at: input.at }).state;
  for (const [roomid, { server: owner }] of due.directory) {
    if (owner === peer || after.directory.get(roomid)?.server === owner) continue;
    watch.complain("I12", `${peer} deletes ${roomid} of ${owner} at ${server.id}`);
  }
}
