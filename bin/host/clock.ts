/**
 * The clock of a driver: monotonic milliseconds that also count the time a machine was asleep, and
 * one timer. A server that slept through its eviction must know it before it reads what waited.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import type { Instant } from "../../lib/mod.ts";

/** The two halves of a driver's host that deal with time. */
export interface Clock {
  /** Milliseconds since the clock was made; never runs backwards. */
  now(): Instant;
  /** Calls `wake` once at `instant`; a later call replaces an earlier one, `undefined` disarms. */
  wakeAt(instant: Instant | undefined, wake: () => void): void;
}

/** Where a clock reads the time; all in milliseconds. */
export interface TimeSources {
  /** Monotonic and cheap, but it may stand still while the machine sleeps. */
  readonly awake: () => number;
  /** Counts sleep, but costs a system call that reads a file; `undefined` where there is none. */
  readonly sinceBoot: (() => number) | undefined;
  /** May jump; only a hint that the machine slept. */
  readonly wall: () => number;
}

/** How often the costly source is read even without a hint. */
const lookEveryMs = 1000;
/**
 * How far the wall clock may run ahead of the monotonic one before we look at the costly source.
 */
const hintMs = 20;
/** No single wait is longer, because timers stand still while the machine sleeps. */
const waitMsMax = 1000;

const systemSources: TimeSources = {
  awake: () => performance.now(),
  sinceBoot: uptime() === undefined ? undefined : () => uptime() ?? 0,
  wall: () => Date.now(),
};

/**
 * Milliseconds since boot where Linux tells them, in steps of 10. Not `os.uptime()`: on Deno that
 * has whole seconds only, and the clock would run ahead by up to one.
 */
function uptime(): number | undefined {
  try {
    return Number.parseFloat(readFileSync("/proc/uptime", "latin1")) * 1000;
  } catch {
    return undefined;
  }
}

/**
 * Makes a clock that starts at 0.
 *
 * @example
 * ```ts
 * const clock = createClock();
 * const host = { now: clock.now, wakeAt: clock.wakeAt, perform };
 * ```
 */
export function createClock(sources: TimeSources = systemSources): Clock {
  const now = createNow(sources);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wakeAt = (instant: Instant | undefined, wake: () => void): void => {
    clearTimeout(timer);
    if (instant === undefined) return;
    const remaining = instant - now();
    const wait = Math.min(Math.max(0, Math.ceil(remaining)), waitMsMax);
    // A timer may also go off a little early: look again rather than trust it.
    timer = setTimeout(() => (now() >= instant ? wake() : wakeAt(instant, wake)), wait);
  };
  return { now, wakeAt };
}

/**
 * The larger of the two differences. Reading the uptime for each input would cost more than the
 * input, so it is read once a second, and at once when the wall clock says that time is missing.
 */
function createNow({ awake, sinceBoot, wall }: TimeSources): () => Instant {
  const start = { awake: awake(), sinceBoot: sinceBoot?.() ?? 0 };
  let looked = { awake: start.awake, wall: wall() };
  let asleep = 0;
  let latest = 0;
  return () => {
    const current = awake();
    const passed = current - looked.awake;
    if (sinceBoot !== undefined) {
      const missing = wall() - looked.wall - passed;
      if (passed >= lookEveryMs || missing > hintMs) {
        asleep = Math.max(asleep, sinceBoot() - start.sinceBoot - (current - start.awake));
        looked = { awake: current, wall: wall() };
      }
    }
    latest = Math.max(latest, current - start.awake + asleep);
    return latest;
  };
}
