/**
 * Every order in which things can happen, for a few servers and two users: deliveries, time, and
 * one fault at every possible point. States are told apart by all that can matter later, so what
 * comes out the same is followed once.
 *
 * @module
 */

import type { ServerState } from "../server/state.ts";
import { choices, deliver, nextInstant, passTime, type SmallWorld } from "./small-world.ts";

/** What is to be explored. */
export interface Exploration {
  /** Where everything begins; nothing may be wrong there. */
  readonly start: SmallWorld;
  /** Faults by name, one of which may strike once, at any point. */
  readonly faults: Readonly<Record<string, (world: SmallWorld) => SmallWorld>>;
  /** How often time may pass on one path. */
  readonly pauses: number;
  /** Whether everything on its way arrives before time passes: nobody is late with an answer. */
  readonly isTimely?: boolean;
  /** What is wrong with a world, whatever came before. */
  readonly wrong: (world: SmallWorld) => string | undefined;
  /** What is wrong with a world in which nothing can happen any longer but by time. */
  readonly wrongEnd: (world: SmallWorld, struck: string | undefined) => string | undefined;
  /** States after which it is given up; none by default. */
  readonly statesMax?: number;
}

/** What came of it. */
export interface Explored {
  readonly states: number;
  readonly edges: number;
  readonly ends: number;
  /** Whether there was nothing left to follow. */
  readonly complete: boolean;
  readonly failure: { readonly detail: string; readonly path: readonly string[] } | undefined;
}

interface Point {
  readonly world: SmallWorld;
  readonly struck: string | undefined;
  readonly pausesLeft: number;
  readonly path: Path | undefined;
}

interface Path {
  readonly event: string;
  readonly before: Path | undefined;
}

/**
 * Follows every path, and stops at the first that leads to something wrong.
 *
 * @example
 * ```ts
 * const { states, failure } = explore({ start, faults: {}, pauses: 2, wrong, wrongEnd });
 * ```
 */
export function explore(exploration: Exploration): Explored {
  const { start, pauses, statesMax = Number.POSITIVE_INFINITY } = exploration;
  const seen = new Set<string>();
  const waiting: Point[] = [
    { world: start, struck: undefined, pausesLeft: pauses, path: undefined },
  ];
  let [edges, ends] = [0, 0];
  for (let point = waiting.pop(); point !== undefined; point = waiting.pop()) {
    const key = `${point.struck} ${point.pausesLeft} ${keyOf(point.world)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const next = successors(exploration, point);
    edges += next.length;
    const isEnd = choices(point.world).length === 0;
    if (isEnd) ends++;
    const detail =
      exploration.wrong(point.world) ??
      (next.length === 0 ? exploration.wrongEnd(point.world, point.struck) : undefined);
    if (detail !== undefined || seen.size >= statesMax) {
      const failure = detail === undefined ? undefined : { detail, path: eventsOf(point.path) };
      return { states: seen.size, edges, ends, complete: false, failure };
    }
    waiting.push(...next);
  }
  return { states: seen.size, edges, ends, complete: true, failure: undefined };
}

function successors({ faults, isTimely }: Exploration, point: Point): Point[] {
  const { world, struck, pausesLeft, path } = point;
  const follow = (event: string, change: Partial<Point>): Point => ({
    ...point,
    ...change,
    path: { event, before: path },
  });
  const next = choices(world).map((lane) => {
    const [first] = world.lanes.get(lane) ?? [];
    return follow(`${lane}: ${describe(first)}`, { world: deliver(world, lane) });
  });
  const instant = nextInstant(world);
  const mayPass = isTimely !== true || next.length === 0;
  if (instant !== undefined && pausesLeft > 0 && mayPass) {
    const passed = passTime(world, instant);
    next.push(
      follow(`${instant - world.now} ms pass`, { world: passed, pausesLeft: pausesLeft - 1 }),
    );
  }
  if (struck !== undefined) return next;
  for (const [name, strike] of Object.entries(faults)) {
    next.push(follow(`*** ${name}`, { world: strike(world), struck: name }));
  }
  return next;
}

function describe(happening: unknown): string {
  const { message, request, type } = happening as {
    readonly type: string;
    readonly message?: object;
    readonly request?: unknown;
  };
  if (message !== undefined) return JSON.stringify(message);
  return typeof request === "object" ? JSON.stringify(request) : type;
}

function eventsOf(path: Path | undefined): string[] {
  const events: string[] = [];
  for (let each = path; each !== undefined; each = each.before) events.push(each.event);
  return events.reverse();
}

/** Equal for worlds whose futures are equal; two hashes of 32 bits. */
function keyOf({ now, servers, lanes, wires, heard }: SmallWorld): string {
  const parts: string[] = [];
  for (const id of [...servers.keys()].sort()) {
    const state = servers.get(id) as ServerState;
    const known = views.get(state);
    const text = known?.now === now ? known.text : digest(toText(viewOf(state, now)));
    if (known?.now !== now) views.set(state, { now, text });
    parts.push(id, text);
  }
  for (const [lane, waiting] of [...lanes].sort(byFirst)) parts.push(lane, textOf(waiting));
  for (const [end, wire] of [...wires].sort(byFirst)) parts.push(end, wire.server);
  for (const [client, lines] of [...heard].sort(byFirst)) parts.push(client, textOf(lines));
  return digest(parts.join("\n"));
}

/** Most of a world is shared with the one before it; so are these texts. */
const views = new WeakMap<ServerState, { readonly now: number; readonly text: string }>();
const texts = new WeakMap<object, string>();

function textOf(list: readonly unknown[]): string {
  const known = texts.get(list);
  if (known !== undefined) return known;
  const text = digest(toText(list));
  texts.set(list, text);
  return text;
}

function toText(value: unknown): string {
  return JSON.stringify(value, replaceTables);
}

function digest(text: string): string {
  let [one, other] = [0x811c9dc5, 0x9e3779b9];
  for (let place = 0; place < text.length; place++) {
    const code = text.charCodeAt(place);
    one = Math.imul(one ^ code, 0x01000193);
    other = Math.imul(other ^ code, 0x85ebca6b) + (other >>> 13);
  }
  return `${one >>> 0} ${other >>> 0}`;
}

function byFirst(one: readonly [string, unknown], other: readonly [string, unknown]): number {
  return one[0] < other[0] ? -1 : 1;
}

/** Instants as distances from now; without what only jitter and silence depend on. */
function viewOf(state: ServerState, now: number): unknown {
  const { config: _, prng: __, now: ___, epoch, deadlines, peers, beats, ...rest } = state;
  const due: [number, unknown][] = [];
  const waiting = [deadlines.root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    due.push([Math.ceil(node.key - now), node.value]);
    for (let list = node.children; list !== undefined; list = list.tail) waiting.push(list.head);
  }
  const known = [...peers].map(([id, { link, dial, failures, sequence, roomChange, knownAs }]) => [
    id,
    [link, dial, failures, sequence, roomChange, knownAs],
  ]);
  const times = { gatherUntil: 0, beatDueAt: 0, judgeAt: 0, stoodStillAt: 0 };
  return { ...rest, ...times, due: due.map((each) => JSON.stringify(each)).sort(), known };
}

function replaceTables(_key: string, value: unknown): unknown {
  if (value instanceof Map) return [...value];
  if (value instanceof Set) return [...value].sort();
  return value;
}
