/**
 * What tells two small worlds apart: all that can matter later, as two hashes of 32 bits. Most of a
 * world is shared with the one before it, and so are the hashes of its parts. Left out are jitter,
 * and deadlines of what is no longer so.
 *
 * @module
 */

import { Map as PersistentMap } from "immutable";
import type { Heap } from "../base/heap.ts";
import { lockOn, sameAttempt } from "../lock/lock-table.ts";
import type { Deadline } from "../server/records.ts";
import type { ServerState } from "../server/state.ts";
import type { SmallWorld } from "./small-world.ts";

/** How the parts of a world are told apart, and how names in it are written. */
export interface Reading {
  hash(part: object): string;
  name(text: string): string;
}

/** Equal for worlds whose futures are equal. */
export function keyOf(world: SmallWorld, reading: Reading = plain): string {
  const parts: string[] = [`${world.now}`];
  const add = (entries: Iterable<readonly [string, object]>) => {
    const list = [...entries].map(([name, part]) => `${reading.name(name)} ${reading.hash(part)}`);
    parts.push(list.sort().join("\n"));
  };
  const states = (from: SmallWorld["servers"]) =>
    [...from].map(([id, state]) => [id, viewOf(state)] as const);
  add(states(world.servers));
  add(states(world.gone));
  add(world.lanes);
  add(world.talks);
  const { wires, relays, walls, holes, still } = world;
  for (const names of [wires.keys(), walls, holes, still]) {
    parts.push([...names].map(reading.name).sort().join(" "));
  }
  parts.push([...relays].map(([end, third]) => reading.name(`${end} ${third}`)).join(" "));
  return digest(parts.join("\n\n"));
}

const hashes = new WeakMap<object, string>();

function hashOf(part: object): string {
  const known = hashes.get(part);
  if (known !== undefined) return known;
  const hash = digest(partsOf(part) ?? toText(part));
  hashes.set(part, hash);
  return hash;
}

/** Lists and tables by the hashes of their entries: most of those are old acquaintances. */
function partsOf(part: object): string | undefined {
  if (Array.isArray(part)) return part.map(entryOf).join();
  if (part instanceof Set) return [...part].sort().join();
  if (!(part instanceof Map) && !PersistentMap.isMap(part)) return undefined;
  let text = "";
  for (const [key, value] of part as Iterable<[unknown, unknown]>) {
    text += `${key} ${entryOf(value)}\n`;
  }
  return text;
}

function entryOf(value: unknown): string {
  return typeof value === "object" && value !== null ? hashOf(value) : `${value}`;
}

const plain: Reading = { hash: hashOf, name: (text) => text };

const fieldsKnown = new WeakMap<ServerState, readonly object[]>();
/** What of a state matters; a step changes few of these parts. */
function viewOf(state: ServerState): readonly object[] {
  const known = fieldsKnown.get(state);
  if (known !== undefined) return known;
  const { config, phase, incarnation, fenced, clock, nextNumber, roomChange } = state;
  const { clients, sessions, rooms, directory, locks, claims, announced, reservations } = state;
  const { endedMoves, membership, links, dials, contacts, suspicions, ghosts, roster } = state;
  const isMute = config.timing.heartbeatMs > 1e8;
  const rhythm = isMute ? [] : [state.beatDueAt, state.judgeAt, state.stoodStillAt];
  const kept = config.partition === "majority" ? [state.beats, roster, ghosts] : [];
  const view = [
    { phase, incarnation, fenced, clock, nextNumber, roomChange, rhythm, kept },
    ...[clients, sessions, rooms, directory, locks, claims, announced, reservations],
    ...[endedMoves, membership, links, dials, contacts, suspicions],
    isMute ? peersOf(state) : state.peers,
    dueOf(state, state.deadlines),
  ];
  fieldsKnown.set(state, view);
  return view;
}

const mutePeers = new WeakMap<object, object>();

/** Where nobody is ever silent, it does not matter when somebody was heard. */
function peersOf({ peers }: ServerState): object {
  const known = mutePeers.get(peers);
  if (known !== undefined) return known;
  const view = [...peers].map(([id, { heardAt: _, ...peer }]) => [id, peer]);
  mutePeers.set(peers, view);
  return view;
}

/** What is still to be looked at, and when. */
function dueOf(state: ServerState, deadlines: Heap<Deadline>): ReadonlySet<string> {
  const due = new Set<string>();
  const waiting = [deadlines.root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (!isOver(state, node.value)) due.add(`${node.key} ${textOf(node.value)}`);
    for (let list = node.children; list !== undefined; list = list.tail) waiting.push(list.head);
  }
  return due;
}

const deadlineTexts = new WeakMap<Deadline, string>();

function textOf(deadline: Deadline): string {
  const known = deadlineTexts.get(deadline) ?? JSON.stringify(deadline);
  deadlineTexts.set(deadline, known);
  return known;
}

function isOver(state: ServerState, deadline: Deadline): boolean {
  switch (deadline.type) {
    case "lease": {
      const lock = lockOn(state.locks, deadline.name);
      return lock === undefined || !sameAttempt(lock.attempt, deadline.attempt);
    }
    case "claim": {
      const queue = state.claims.get(deadline.name) ?? [];
      return queue.every(({ connection }) => connection !== deadline.connection);
    }
    case "reservation":
      return state.reservations.get(deadline.identity)?.pass !== deadline.pass;
    case "announced":
      return state.sessions.get(deadline.identity)?.move?.number !== deadline.move;
    case "introduced": {
      const link = state.links.get(deadline.connection);
      return link === undefined || link.phase === "open";
    }
    default:
      return false;
  }
}

function toText(value: object): string {
  return JSON.stringify(value, replaceTables);
}

function replaceTables(_key: string, value: unknown): unknown {
  if (value instanceof Map) return [...value];
  if (value instanceof Set) return [...value].sort();
  return value;
}

/** Two hashes of 32 bits. */
export function digest(text: string): string {
  let [one, other] = [0x811c9dc5, 0x9e3779b9];
  for (let place = 0; place < text.length; place++) {
    const code = text.charCodeAt(place);
    one = Math.imul(one ^ code, 0x01000193);
    other = Math.imul(other ^ code, 0x85ebca6b) + (other >>> 13);
  }
  return `${(one >>> 0).toString(36)}.${(other >>> 0).toString(36)}`;
}
