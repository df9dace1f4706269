/**
 * Paths through a small world as scripts that people read and that can be followed again: one event
 * a line, what stands behind the colon is for the reader.
 *
 * ```
 * s2 takes 12002: {"type":"lockidentity","serverid":"s1","identity":"ann","stamp":1200001}
 * time passes: 100 ms
 * *** the voter s3 crashes
 * ```
 *
 * @module
 */

import { failure, type Result, success } from "../base/result.ts";
import {
  type Event,
  type Exploration,
  faultsAt,
  isEnd,
  type Point,
  startOf,
  timePassed,
  wrongAt,
} from "./branches.ts";
import { deliver } from "./small-events.ts";
import { choices, type Happening, serverOf } from "./small-world.ts";

/** What came of following a script. */
export interface Replayed {
  readonly point: Point;
  /** What was wrong, and after how many events; what is wrong stays so to the end of the script. */
  readonly wrong: { readonly detail: string; readonly after: number } | undefined;
}

/** The events as lines. */
export function formatPath(exploration: Exploration, events: readonly Event[]): string[] {
  let point: Point | undefined = startOf(exploration);
  return events.map((event) => {
    const before = point;
    point = before === undefined ? undefined : after(before, event);
    return before === undefined ? "" : lineOf(before, event, point);
  });
}

function lineOf({ world }: Point, event: Event, next: Point | undefined): string {
  switch (event.type) {
    case "delivery": {
      const { lane } = event;
      const server = serverOf(lane);
      const [first] = world.lanes.get(lane) ?? [];
      return `${server} takes ${lane.slice(server.length + 1)}: ${describe(first)}`;
    }
    case "time":
      return `time passes: ${Math.round((next?.world.now ?? 0) - world.now)} ms`;
    case "fault":
      return `*** ${event.fault.name}`;
  }
}

function describe(happening: Happening | undefined): string {
  switch (happening?.type) {
    case "peer-message":
      return JSON.stringify(happening.message);
    case "request":
      return JSON.stringify(happening.request);
    case "dialled":
      return `its dial has ended: ${happening.outcome.type}`;
    case "opened":
      return happening.role === "client"
        ? "a client connects"
        : `${happening.certificateId} connects`;
    default:
      return happening?.type ?? "nothing";
  }
}

/** What an event leads to; `undefined` if it can't happen. */
function after(point: Point, event: Event): Point | undefined {
  switch (event.type) {
    case "delivery": {
      const canArrive = choices(point.world).includes(event.lane);
      return canArrive ? { ...point, world: deliver(point.world, event.lane) } : undefined;
    }
    case "time":
      return timePassed(point);
    case "fault":
      return { ...point, world: event.fault.strike(point.world), struck: event.fault };
  }
}

/**
 * Follows a script; it fails if a line is no event, or one that can't happen there.
 *
 * @example
 * ```ts
 * const { failure } = explore(exploration);
 * const again = replay(exploration, failure?.path ?? []);
 * if (again.ok) again.value.wrong?.detail === failure?.detail; // true
 * ```
 */
export function replay(
  exploration: Exploration,
  script: readonly string[],
): Result<Replayed, string> {
  let point = startOf(exploration);
  let wrong: Replayed["wrong"];
  const lines = script.filter((line) => line.trim() !== "" && !line.startsWith("#"));
  for (const [index, line] of lines.entries()) {
    const event = parseEvent(exploration, point, line);
    const next = event === undefined ? undefined : after(point, event);
    if (next === undefined) return failure(`event ${index + 1} can't happen: ${line}`);
    point = next;
    const detail = wrongAt(exploration, point, index === lines.length - 1 && isEnd(point));
    if (wrong === undefined && detail !== undefined) wrong = { detail, after: index + 1 };
  }
  return success({ point, wrong });
}

function parseEvent(exploration: Exploration, point: Point, line: string): Event | undefined {
  if (line.startsWith("time passes")) return { type: "time" };
  if (line.startsWith("*** ")) {
    const fault = faultsAt(exploration, point).find(({ name }) => name === line.slice(4).trim());
    return fault === undefined ? undefined : { type: "fault", fault };
  }
  const [, server, lane] = /^(s\d) takes (\w+)/.exec(line) ?? [];
  return server === undefined ? undefined : { type: "delivery", lane: `${server} ${lane}` };
}
