/**
 * Worlds that differ only in the names of clients that are interchangeable are one world. Servers
 * never are: of two stamps that are equal, and of two links, the smaller id decides, and every link
 * shows who has dialled. Which clients may be swapped is said by the case.
 *
 * @module
 */

import { List, Map as PersistentMap } from "immutable";
import type { SmallWorld } from "./small-world.ts";
import { digest, keyOf, type Reading } from "./state-view.ts";

/** Names that may be swapped: users, and the connections of clients. */
export type Swap = Readonly<Record<string, string>>;

/** A key that is the same for worlds of which one comes from the other by one of the swaps. */
export function symmetricKeys(swaps: readonly Swap[]): (world: SmallWorld) => string {
  if (swaps.length === 0) return (world) => keyOf(world);
  const readings = [{}, ...swaps].map(readingUnder);
  return (world) => {
    let least: string | undefined;
    for (const reading of readings) {
      const key = keyOf(world, reading);
      if (least === undefined || key < least) least = key;
    }
    return least ?? "";
  };
}

function readingUnder(swap: Swap): Reading {
  const hashes = new WeakMap<object, string>();
  const texts = new Map<string, string>();
  const name = (text: string) => {
    const known = texts.get(text) ?? text.replace(/[A-Za-z0-9]+/g, (word) => swap[word] ?? word);
    texts.set(text, known);
    return known;
  };
  const hash = (part: object): string => {
    const known = hashes.get(part);
    if (known !== undefined) return known;
    const isList = Array.isArray(part) && part.every((each) => typeof each === "object");
    const text = isList ? part.map(hash).join() : textUnder(part, name);
    const found = digest(text);
    hashes.set(part, found);
    return found;
  };
  return { hash, name };
}

/** Like JSON, under other names, and with tables in one order. */
function textUnder(value: unknown, name: (text: string) => string): string {
  const inner = (each: unknown) => textUnder(each, name);
  if (typeof value === "string" || typeof value === "number") return name(`${value}`);
  if (typeof value !== "object" || value === null) return `${value}`;
  if (Array.isArray(value) || List.isList(value)) return `[${[...value].map(inner).join()}]`;
  if (value instanceof Map || PersistentMap.isMap(value)) {
    return `{${[...(value as Map<unknown, unknown>)].map(inner).sort().join()}}`;
  }
  if (value instanceof Set) return `{${[...value].map(inner).sort().join()}}`;
  // Random bytes follow from the connection; a ticket check is told by its connection alone.
  const fields = Object.entries(value).filter(([key]) => key !== "random" && key !== "request");
  return `{${fields
    .map(([key, each]) => `${key}:${inner(each)}`)
    .sort()
    .join()}}`;
}
