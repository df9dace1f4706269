/**
 * The voter's side of Lock/Release: which names are locked for which attempt, until when, and which
 * questions wait behind them. It never denies because of another attempt; who holds a name and must
 * deny is the caller's affair. Source: PROTOCOL.md section 7.
 *
 * @module
 */

import { Map as PersistentMap } from "immutable";
import type { Branded, Identity, RoomId, ServerId } from "../base/ids.ts";
import type { Instant } from "../machine.ts";

/** What is locked: an identity or a room id, the two kinds kept apart. */
export type LockName = Branded<string, "LockName">;

/** The lock of an identity. */
export function identityLock(identity: Identity): LockName {
  return `identity:${identity}` as LockName;
}

/** The lock of a room id. */
export function roomLock(roomid: RoomId): LockName {
  return `room:${roomid}` as LockName;
}

/** What kind of name is locked, and which. */
export function lockedName(
  name: LockName,
):
  | { readonly kind: "identity"; readonly identity: Identity }
  | { readonly kind: "room"; readonly roomid: RoomId } {
  return name.startsWith("identity:")
    ? { kind: "identity", identity: name.slice("identity:".length) as Identity }
    : { kind: "room", roomid: name.slice("room:".length) as RoomId };
}

/** One round of votes for one name: its asker and its place in the order. */
export interface Attempt {
  readonly asker: ServerId;
  readonly stamp: number;
}

/** Whether two attempts are the same one. */
export function sameAttempt(one: Attempt, other: Attempt): boolean {
  return one.stamp === other.stamp && one.asker === other.asker;
}

/** The order of attempts: the logical clock, then the server id. */
export function isOlder(one: Attempt, other: Attempt): boolean {
  return one.stamp === other.stamp ? one.asker < other.asker : one.stamp < other.stamp;
}

/** A locked name. */
export interface Lock {
  readonly attempt: Attempt;
  /** When a voter forgets it; the asker's own mark ends with its claim and has none. */
  readonly lease: Instant | undefined;
}

/**
 * What stands at one name: its lock, and the attempts that wait for the lock's end, oldest first.
 */
export interface LockEntry {
  readonly lock: Lock | undefined;
  readonly questions: readonly Attempt[];
}

/** All locked names of one server. */
export type LockTable = PersistentMap<LockName, LockEntry>;

const free: LockEntry = { lock: undefined, questions: [] };

/** No name is locked. */
export function emptyLockTable(): LockTable {
  return PersistentMap();
}

/** The attempt that a name is locked for, if any. */
export function lockOn(table: LockTable, name: LockName): Lock | undefined {
  return table.get(name)?.lock;
}

/** Locks a free name for an attempt. */
export function grant(table: LockTable, name: LockName, lock: Lock): LockTable {
  return table.set(name, { ...(table.get(name) ?? free), lock });
}

/** Keeps a question until the name's lock ends. An asker has one question for a name at a time. */
export function keepQuestion(table: LockTable, name: LockName, question: Attempt): LockTable {
  const entry = table.get(name) ?? free;
  const others = entry.questions.filter(({ asker }) => asker !== question.asker);
  const place = others.findIndex((other) => isOlder(question, other));
  const questions = others.toSpliced(place === -1 ? others.length : place, 0, question);
  return table.set(name, { ...entry, questions });
}

/** Takes the oldest question that waits at a name. */
export function takeQuestion(
  table: LockTable,
  name: LockName,
): { readonly table: LockTable; readonly question: Attempt } | undefined {
  const entry = table.get(name);
  const question = entry?.questions[0];
  if (entry === undefined || question === undefined) return undefined;
  return { table: put(table, name, { ...entry, questions: entry.questions.slice(1) }), question };
}

/** Ends an attempt at a name, whether it has the lock or still waits; others are left alone. */
export function release(table: LockTable, name: LockName, attempt: Attempt): LockTable {
  const entry = table.get(name);
  if (entry === undefined) return table;
  const lock =
    entry.lock !== undefined && sameAttempt(entry.lock.attempt, attempt) ? undefined : entry.lock;
  const questions = entry.questions.filter((question) => !sameAttempt(question, attempt));
  return put(table, name, { lock, questions });
}

/**
 * Drops what an asker has locked or asked, except the attempts it still names.
 *
 * @returns the table, and the names that may now be free
 */
export function dropAttemptsOf(
  table: LockTable,
  asker: ServerId,
  isStillOpen: (name: LockName, stamp: number) => boolean = () => false,
): { readonly table: LockTable; readonly names: readonly LockName[] } {
  const names: LockName[] = [];
  let next = table;
  for (const [name, { lock, questions }] of table) {
    for (const attempt of lock === undefined ? questions : [lock.attempt, ...questions]) {
      if (attempt.asker !== asker || isStillOpen(name, attempt.stamp)) continue;
      next = release(next, name, attempt);
      names.push(name);
    }
  }
  return { table: next, names };
}

function put(table: LockTable, name: LockName, entry: LockEntry): LockTable {
  return entry.lock === undefined && entry.questions.length === 0
    ? table.delete(name)
    : table.set(name, entry);
}
