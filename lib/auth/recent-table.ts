/**
 * A table of bounded size that forgets what was written longest ago: two generations, and when the
 * younger one is full or old, the elder one goes. So every write costs the same, however many
 * names an attacker thinks up.
 *
 * @module
 */

import { Map as PersistentMap } from "immutable";
import type { Instant } from "../machine.ts";

/** Values by key, of which only recent ones are kept. */
export interface RecentTable<Value> {
  readonly young: PersistentMap<string, Value>;
  readonly elder: PersistentMap<string, Value>;
  /** When the young generation began. */
  readonly since: Instant;
  readonly entriesMax: number;
  readonly keepMs: number;
}

/**
 * A table without entries. What was written stays for at least `keepMs`, and at most twice that,
 * unless more than half of `entriesMax` other entries are written meanwhile.
 */
export function recentTable<Value>(entriesMax: number, keepMs: number): RecentTable<Value> {
  return { young: PersistentMap(), elder: PersistentMap(), since: 0, entriesMax, keepMs };
}

/** The value last written under the key, if it is still known. */
export function lookUp<Value>(table: RecentTable<Value>, key: string): Value | undefined {
  return table.young.get(key) ?? table.elder.get(key);
}

/** The table with a value written. */
export function write<Value>(
  table: RecentTable<Value>,
  key: string,
  value: Value,
  at: Instant,
): RecentTable<Value> {
  const { young, elder, since } = withRoom(table, at);
  return { ...table, young: young.set(key, value), elder: elder.delete(key), since };
}

/** The table without a key. */
export function erase<Value>(table: RecentTable<Value>, key: string): RecentTable<Value> {
  return { ...table, young: table.young.delete(key), elder: table.elder.delete(key) };
}

/** How many entries there are; never more than `entriesMax`. */
export function sizeOf<Value>(table: RecentTable<Value>): number {
  return table.young.size + table.elder.size;
}

function withRoom<Value>(table: RecentTable<Value>, at: Instant): RecentTable<Value> {
  const full = table.young.size >= Math.floor(table.entriesMax / 2);
  if (!full && at - table.since < table.keepMs) return table;
  return { ...table, young: PersistentMap(), elder: table.young, since: at };
}
