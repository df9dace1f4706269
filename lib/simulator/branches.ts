/**
 * What can happen next on a path through a small world: something arrives, time passes, or a fault
 * strikes; and what it leads to.
 *
 * @module
 */

import { aloneFollowed, type Delivery } from "./reduction.ts";
import { deliver, pass } from "./small-events.ts";
import { choices, type SmallWorld } from "./small-world.ts";
import type { Swap } from "./symmetry.ts";

/** What goes wrong, or what somebody does, once and at any point. */
export interface Trouble {
  readonly name: string;
  readonly strike: (world: SmallWorld) => SmallWorld;
  /** The servers whose deliveries it does not commute with; of all of them, if it is not said. */
  readonly touches?: readonly string[];
  /** Whether it only strikes when all has arrived that can. */
  readonly isLate?: boolean;
  /** What comes after it. */
  readonly next?: Trouble;
}

/** What is to be explored. */
export interface Exploration {
  /** Where everything begins; nothing may be wrong there. */
  readonly start: SmallWorld;
  /** Faults, one of which may strike. */
  readonly faults: readonly Trouble[];
  /** How often time may pass on one path. */
  readonly pauses: number;
  /** Whether everything that can arrive does so before time passes: nobody else is late. */
  readonly isTimely?: boolean;
  /** What is wrong with a world, whatever came before. */
  readonly wrong: (world: SmallWorld) => string | undefined;
  /** What is wrong with a world in which nothing can happen any longer but by time. */
  readonly wrongEnd: (world: SmallWorld, struck: string | undefined) => string | undefined;
  /** Names that may be swapped without changing anything. */
  readonly swaps?: readonly Swap[];
  /** Whether every order is followed, also of deliveries that commute; for tests. */
  readonly isFull?: boolean;
  /** States after which it is given up; none by default. */
  readonly statesMax?: number;
}

/** One thing that happens. */
export type Event =
  | { readonly type: "delivery"; readonly lane: string }
  | { readonly type: "time" }
  | { readonly type: "fault"; readonly fault: Trouble };

/** A world on a path, and what may still come on it. */
export interface Point {
  readonly world: SmallWorld;
  /** The latest fault that has struck. */
  readonly struck: Trouble | undefined;
  readonly pausesLeft: number;
}

/** A point that one event leads to. */
export interface Successor {
  readonly event: Event;
  readonly point: Point;
}

/** Time in which nothing but signs of life comes is not worth waiting for. */
const longestMs = 15_000;

/** Where every path begins. */
export function startOf({ start, pauses }: Exploration): Point {
  return { world: start, struck: undefined, pausesLeft: pauses };
}

/** What is wrong at a point. */
export function wrongAt(
  exploration: Exploration,
  { world, struck }: Point,
  isOver: boolean,
): string | undefined {
  const detail = exploration.wrong(world);
  return detail ?? (isOver ? exploration.wrongEnd(world, struck?.name) : undefined);
}

/**
 * What can happen at a point, and what comes of it; without orders that come to the same.
 *
 * @param isWanted whether a delivery is followed
 */
export function deliveriesAt(
  exploration: Exploration,
  point: Point,
  isWanted: (lane: string) => boolean,
): { readonly deliveries: readonly Delivery[]; readonly isAll: boolean } {
  const { world } = point;
  const lanes = choices(world);
  const mayPass = point.pausesLeft > 0 && exploration.isTimely !== true;
  const outlook = { mayPass, touched: touchedBy(faultsToCome(exploration, point)) };
  const alone = exploration.isFull === true ? undefined : aloneFollowed(world, lanes, outlook);
  if (alone !== undefined) {
    return { deliveries: alone.filter(({ lane }) => isWanted(lane)), isAll: false };
  }
  const deliveries = lanes
    .filter(isWanted)
    .map((lane): Delivery => ({ lane, world: deliver(world, lane) }));
  return { deliveries, isAll: true };
}

/** What else can happen at a point: time passes, or a fault strikes. */
export function othersAt(exploration: Exploration, point: Point): Successor[] {
  const { world } = point;
  const mayPass = exploration.isTimely !== true || choices(world).length === 0;
  const passed = mayPass ? timePassed(point) : undefined;
  const time: Successor[] =
    passed === undefined ? [] : [{ event: { type: "time" }, point: passed }];
  const faults = faultsAt(exploration, point).map(
    (fault): Successor => ({
      event: { type: "fault", fault },
      point: { ...point, world: fault.strike(world), struck: fault },
    }),
  );
  return [...time, ...faults];
}

/** The point after some time; `undefined` if time may not pass or brings nothing. */
export function timePassed(point: Point): Point | undefined {
  const world = point.pausesLeft > 0 ? pass(point.world, longestMs) : undefined;
  return world === undefined ? undefined : { ...point, world, pausesLeft: point.pausesLeft - 1 };
}

/** Whether nothing happens any longer but faults. */
export function isEnd(point: Point): boolean {
  return choices(point.world).length === 0 && timePassed(point) === undefined;
}

/** Faults that may strike at a point. */
export function faultsAt(exploration: Exploration, point: Point): readonly Trouble[] {
  const isBusy = choices(point.world).length > 0;
  return faultsToCome(exploration, point).filter(({ isLate }) => isLate !== true || !isBusy);
}

function faultsToCome({ faults }: Exploration, { struck }: Point): readonly Trouble[] {
  if (struck === undefined) return faults;
  return struck.next === undefined ? [] : [struck.next];
}

function touchedBy(faults: readonly Trouble[]): ReadonlySet<string> | undefined {
  const touched = new Set<string>();
  for (const first of faults) {
    for (let fault: Trouble | undefined = first; fault !== undefined; fault = fault.next) {
      // What comes late waits for every delivery anyhow.
      if (fault.isLate === true) break;
      if (fault.touches === undefined) return undefined;
      for (const server of fault.touches) touched.add(server);
    }
  }
  return touched;
}
