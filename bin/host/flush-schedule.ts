/**
 * When a server writes what has gathered for its clients: at the end of the turn while there is
 * little to do, and a little later when writing has become most of the work. The unit of cost is
 * the write, so many lines in one write are what saves a busy server.
 *
 * @module
 */

import type { Schedule } from "./outbox.ts";

/** What anybody may have to wait longer, and only while writing takes that long as well. */
const windowMsMax = 10;

/**
 * Makes a schedule that gives writing half of the time at most: after a flush that took some
 * milliseconds the next one waits as long. A quiet server has flushes too short to wait for.
 *
 * @param now monotonic milliseconds; for tests
 *
 * @example
 * ```ts
 * const transport = createTlsTransport(credentials, adaptiveSchedule());
 * ```
 */
export function adaptiveSchedule(now: () => number = () => performance.now()): Schedule {
  let readyAt = Number.NEGATIVE_INFINITY;
  return (flush) => {
    const run = (): void => {
      const beganAt = now();
      flush();
      const endedAt = now();
      readyAt = endedAt + Math.min(endedAt - beganAt, windowMsMax);
    };
    const waitMs = readyAt - now();
    // Timers are no finer than this: a shorter wait would become a longer one.
    if (waitMs < 1) setImmediate(run);
    else setTimeout(run, waitMs);
  };
}
