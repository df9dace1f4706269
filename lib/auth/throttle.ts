/**
 * How long somebody has to wait before a password of theirs is looked at again. Failures count for
 * the pair of user name and address, for the address, and for the user name over all addresses; a
 * name that nobody has counts like any other, so waiting tells nothing.
 * Source: PROTOCOL.md section 4.
 *
 * A failure is counted only after its hash, and hashes are two at a time, so at the standard cost
 * an attacker writes three entries a second at most, however many addresses and names it has.
 * Entries that hold somebody back live in tables of their own, where only others like them can
 * push them out.
 *
 * @module
 */

import { Map as PersistentMap } from "immutable";
import type { Instant } from "../machine.ts";
import type { AddressGroup } from "./address-group.ts";
import { erase, lookUp, type RecentTable, recentTable, sizeOf, write } from "./recent-table.ts";
import type { Users } from "./users.ts";

/** Who tries to log in as whom. */
export interface Origin {
  readonly username: string;
  readonly address: AddressGroup;
}

/** The numbers of the rule. */
export interface ThrottleLimits {
  /** So many failures of a pair cost no wait. */
  readonly pairFailuresFree: number;
  readonly waitFirstMs: number;
  readonly waitMaxMs: number;
  /** After so long without a failure a pair starts afresh. */
  readonly pairKeepMs: number;
  /** The span in which failures of an address and of a user are counted. */
  readonly windowMs: number;
  readonly addressFailuresMax: number;
  /** From here on strangers to the user wait in the slow lane. */
  readonly userFailuresMax: number;
  /** The size of each table. */
  readonly entriesMax: number;
  /** So many addresses are remembered as a user's own. */
  readonly familiarMax: number;
}

/** What PROTOCOL.md says. */
export const throttleStandard: ThrottleLimits = {
  pairFailuresFree: 5,
  waitFirstMs: 1000,
  waitMaxMs: 5 * 60_000,
  pairKeepMs: 60 * 60_000,
  windowMs: 10 * 60_000,
  addressFailuresMax: 30,
  userFailuresMax: 20,
  entriesMax: 10_000,
  familiarMax: 8,
};

interface PairFailures {
  readonly failures: number;
  readonly lastAt: Instant;
}

/** When the latest failures were; no more of them than matter. */
type FailureTimes = readonly Instant[];

/** Entries that hold nobody back yet, and those that do. */
interface Tiers<Value> {
  readonly harmless: RecentTable<Value>;
  readonly holding: RecentTable<Value>;
}

/** All that is remembered of failures. */
export interface Throttle {
  readonly limits: ThrottleLimits;
  readonly pairs: Tiers<PairFailures>;
  readonly addresses: Tiers<FailureTimes>;
  readonly users: Tiers<FailureTimes>;
  /** From where each user has logged in; bounded, for only real users get in. */
  readonly familiar: PersistentMap<string, readonly AddressGroup[]>;
}

/** No failures yet. */
export function createThrottle(limits: ThrottleLimits = throttleStandard): Throttle {
  return {
    limits,
    pairs: tiers(limits.entriesMax, limits.pairKeepMs),
    addresses: tiers(limits.entriesMax, limits.windowMs),
    users: tiers(limits.entriesMax, limits.windowMs),
    familiar: PersistentMap(),
  };
}

/** How many milliseconds this one has to wait; 0: the password may be looked at. */
export function waitOf(throttle: Throttle, origin: Origin, at: Instant): number {
  const { limits } = throttle;
  const pair = pairFailures(throttle, origin, at);
  const pairUntil = pair === undefined ? at : pair.lastAt + waitAfter(limits, pair.failures);
  const times = recent(throttle, throttle.addresses, origin.address, at);
  const nth = times.at(-limits.addressFailuresMax);
  const addressUntil = nth === undefined ? at : nth + limits.windowMs;
  return Math.max(0, pairUntil - at, addressUntil - at);
}

/** Whether this one has to use the slow lane: the user is under attack and the address is new. */
export function isStranger(throttle: Throttle, origin: Origin, at: Instant): boolean {
  const { limits, users, familiar } = throttle;
  if (recent(throttle, users, origin.username, at).length < limits.userFailuresMax) return false;
  return familiar.get(origin.username)?.includes(origin.address) !== true;
}

/** The throttle after a failure. */
export function afterFailure(throttle: Throttle, origin: Origin, at: Instant): Throttle {
  const { limits } = throttle;
  const failures = (pairFailures(throttle, origin, at)?.failures ?? 0) + 1;
  const count = (table: Tiers<FailureTimes>, key: string, max: number) => {
    const times = [...recent(throttle, table, key, at), at].slice(-max);
    return put(table, key, times, times.length >= max, at);
  };
  return {
    ...throttle,
    pairs: put(
      throttle.pairs,
      pairKey(origin),
      { failures, lastAt: at },
      failures >= limits.pairFailuresFree,
      at,
    ),
    addresses: count(throttle.addresses, origin.address, limits.addressFailuresMax),
    users: count(throttle.users, origin.username, limits.userFailuresMax),
  };
}

/** The throttle after a right password: the pair starts afresh and the address is familiar. */
export function afterSuccess(throttle: Throttle, origin: Origin): Throttle {
  const { pairs } = throttle;
  const key = pairKey(origin);
  return {
    ...afterRenewal(throttle, origin),
    pairs: { harmless: erase(pairs.harmless, key), holding: erase(pairs.holding, key) },
  };
}

/** The throttle after a good ticket was shown: the address is familiar, failures stay. */
export function afterRenewal(throttle: Throttle, origin: Origin): Throttle {
  const { limits } = throttle;
  const others = (throttle.familiar.get(origin.username) ?? []).filter(
    (address) => address !== origin.address,
  );
  return {
    ...throttle,
    familiar: throttle.familiar.set(
      origin.username,
      [...others, origin.address].slice(-limits.familiarMax),
    ),
  };
}

/** The throttle without the familiar addresses of users that there are no longer. */
export function forgetUsers(throttle: Throttle, users: Users): Throttle {
  return { ...throttle, familiar: throttle.familiar.filter((_, username) => users.has(username)) };
}

/** How many entries there are in all, familiar addresses left out. */
export function entriesOf({ pairs, addresses, users }: Throttle): number {
  const of = <Value>(table: Tiers<Value>) => sizeOf(table.harmless) + sizeOf(table.holding);
  return of(pairs) + of(addresses) + of(users);
}

function waitAfter(limits: ThrottleLimits, failures: number): number {
  const over = failures - limits.pairFailuresFree;
  return over < 0 ? 0 : Math.min(limits.waitFirstMs * 2 ** over, limits.waitMaxMs);
}

/** No blank can be in a user name, so no two pairs share a key. */
function pairKey({ username, address }: Origin): string {
  return `${username} ${address}`;
}

function pairFailures(
  { pairs, limits }: Throttle,
  origin: Origin,
  at: Instant,
): PairFailures | undefined {
  const pair = find(pairs, pairKey(origin));
  return pair !== undefined && at - pair.lastAt < limits.pairKeepMs ? pair : undefined;
}

function recent(
  { limits }: Throttle,
  table: Tiers<FailureTimes>,
  key: string,
  at: Instant,
): FailureTimes {
  return (find(table, key) ?? []).filter((time) => at - time < limits.windowMs);
}

function tiers<Value>(entriesMax: number, keepMs: number): Tiers<Value> {
  return { harmless: recentTable(entriesMax, keepMs), holding: recentTable(entriesMax, keepMs) };
}

function find<Value>(table: Tiers<Value>, key: string): Value | undefined {
  return lookUp(table.holding, key) ?? lookUp(table.harmless, key);
}

function put<Value>(
  table: Tiers<Value>,
  key: string,
  value: Value,
  holds: boolean,
  at: Instant,
): Tiers<Value> {
  return holds
    ? { harmless: erase(table.harmless, key), holding: write(table.holding, key, value, at) }
    : { harmless: write(table.harmless, key, value, at), holding: erase(table.holding, key) };
}
