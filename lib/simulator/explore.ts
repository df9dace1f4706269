/**
 * Every order in which things can happen, for a few servers and two users: deliveries, time, and
 * one fault at every possible point. Worlds are told apart by all that can matter later, so what
 * comes out the same is followed once; and of deliveries whose order can't matter, one order is.
 *
 * @module
 */

import {
  deliveriesAt,
  type Event,
  type Exploration,
  isEnd,
  othersAt,
  type Point,
  startOf,
  wrongAt,
} from "./branches.ts";
import { formatPath } from "./script.ts";
import { type SmallWorld, serverOf } from "./small-world.ts";
import { symmetricKeys } from "./symmetry.ts";

/** What came of it. */
export interface Explored {
  readonly states: number;
  readonly edges: number;
  readonly ends: number;
  /** Whether there was nothing left to follow. */
  readonly complete: boolean;
  /** What is wrong, and how to get there: a script for {@link replay}. */
  readonly failure: { readonly detail: string; readonly path: readonly string[] } | undefined;
  /** The different ends, as keys. */
  readonly endKeys: ReadonlySet<string>;
}

interface Visited {
  readonly point: Point;
  readonly path: Path | undefined;
  /**
   * Deliveries that need not be followed from here: another path does so, on which they come before
   * the latest delivery, which they commute with. (Godefroid's sleep sets.)
   */
  readonly asleep: readonly string[];
  /** The only deliveries still to be followed, if the world has been here before. */
  readonly only: readonly string[] | undefined;
}

interface Path {
  readonly event: Event;
  readonly before: Path | undefined;
  readonly length: number;
}

/** No path of ours has so many events: one that has goes on for ever. */
const eventsMax = 2_000;

/**
 * Follows every path, and stops at the first that leads to something wrong.
 *
 * @example
 * ```ts
 * const { states, failure } = explore({ start, faults: [], pauses: 2, wrong, wrongEnd });
 * ```
 */
export function explore(exploration: Exploration): Explored {
  const { statesMax = Number.POSITIVE_INFINITY } = exploration;
  const search = new Search(exploration);
  for (let visited = search.take(); visited !== undefined; visited = search.take()) {
    const { path } = visited;
    const detail = search.look(visited);
    if (detail !== undefined) {
      return search.explored({ detail, path: formatPath(exploration, eventsOf(path)) });
    }
    search.expand(visited);
    if (search.states >= statesMax) break;
  }
  return search.explored(undefined);
}

/** A search under way: what it has seen, and what is still to be followed. */
class Search {
  states = 0;
  #edges = 0;
  readonly #exploration: Exploration;
  readonly #keyOf: (world: SmallWorld) => string;
  /** Whether deliveries may sleep: not where a world stands for others with other names. */
  readonly #maySleep: boolean;
  /** What slept in each world whenever it was reached. */
  readonly #seen = new Map<string, readonly string[]>();
  readonly #endKeys = new Set<string>();
  readonly #waiting: Visited[] = [];
  #isAtEnd = false;

  constructor(exploration: Exploration) {
    const { swaps = [], isFull = false } = exploration;
    this.#exploration = exploration;
    this.#keyOf = symmetricKeys(swaps);
    this.#maySleep = swaps.length === 0 && !isFull;
    this.#visit(startOf(exploration), undefined, []);
  }

  /**
   * What is followed next: the latest, until an end is reached, and then any other; so a search
   * that is cut short has been everywhere.
   */
  take(): Visited | undefined {
    const waiting = this.#waiting;
    const last = waiting.pop();
    if (last === undefined || !this.#isAtEnd || waiting.length === 0) return last;
    this.#isAtEnd = false;
    const place = (this.states * 7_919) % waiting.length;
    const other = waiting[place] ?? last;
    waiting[place] = last;
    return other;
  }

  /** Looks at a point that is new. */
  look({ point, path, only }: Visited): string | undefined {
    if (only !== undefined) return undefined;
    this.states++;
    if ((path?.length ?? 0) > eventsMax) return `I8: more than ${eventsMax} events on one path`;
    const isOver = isEnd(point);
    this.#isAtEnd = isOver;
    if (isOver) this.#endKeys.add(this.#keyOf(point.world));
    return wrongAt(this.#exploration, point, isOver);
  }

  /** Follows everything that can happen at a point and does not sleep. */
  expand({ point, path, asleep, only }: Visited): void {
    const isWanted = (lane: string) => only?.includes(lane) ?? !asleep.includes(lane);
    const { deliveries, isAll } = deliveriesAt(this.#exploration, point, isWanted);
    const sleepers = [...asleep];
    const length = (path?.length ?? 0) + 1;
    for (const { lane, world } of deliveries) {
      const isStop = world.servers.size < point.world.servers.size;
      const server = serverOf(lane);
      const still = isStop ? [] : sleepers.filter((other) => serverOf(other) !== server);
      const event = { type: "delivery", lane } as const;
      this.#follow({ ...point, world }, { event, before: path, length }, still);
      if (this.#maySleep && !isStop) sleepers.push(lane);
    }
    if (!isAll || only !== undefined) return;
    for (const { event, point: next } of othersAt(this.#exploration, point)) {
      this.#follow(next, { event, before: path, length }, []);
    }
  }

  #follow(point: Point, path: Path, asleep: readonly string[]): void {
    this.#edges++;
    this.#visit(point, path, asleep);
  }

  #visit(point: Point, path: Path | undefined, asleep: readonly string[]): void {
    const key = `${point.struck?.name} ${point.pausesLeft} ${this.#keyOf(point.world)}`;
    const known = this.#seen.get(key);
    if (known === undefined) {
      this.#seen.set(key, asleep);
      this.#waiting.push({ point, path, asleep, only: undefined });
      return;
    }
    const only = known.filter((lane) => !asleep.includes(lane));
    if (only.length === 0) return;
    const both = known.filter((lane) => asleep.includes(lane));
    this.#seen.set(key, both);
    this.#waiting.push({ point, path, asleep: both, only });
  }

  explored(failure: Explored["failure"]): Explored {
    const complete = failure === undefined && this.#waiting.length === 0;
    const endKeys = this.#endKeys;
    const { states } = this;
    return { states, edges: this.#edges, ends: endKeys.size, complete, failure, endKeys };
  }
}

function eventsOf(path: Path | undefined): Event[] {
  const events: Event[] = [];
  for (let each = path; each !== undefined; each = each.before) events.push(each.event);
  return events.reverse();
}
