/**
 * What lost segments come to where TCP repeats them: delays. The kernel sends a segment again after
 * 200 ms, then after twice as long each time; a connection request after 1 s, then after twice as
 * long. Whatever was sent behind a lost segment waits for it. (A lost acknowledgement costs the
 * receiver nothing, and nothing is repeated sooner than by the timer: heartbeats are too far apart
 * for that. Both are the usual defaults of Linux.)
 *
 * @module
 */

import type { Random } from "./random.ts";

const retransmitMs = 200;
const reconnectMs = 1_000;

/** Losses in a row of one segment that let a healthy member be suspected: 1.4 s. */
export const lossesThatMatter = 3;

/** How often one segment is lost before it comes through. */
export function lossesInARow(random: Random, loss: number): number {
  let losses = 0;
  while (random.chance(loss)) losses++;
  return losses;
}

/** How much later a segment comes that was lost so often. */
export function repeatedMs(losses: number): number {
  return retransmitMs * (2 ** losses - 1);
}

/** How much later several segments that are sent together have all come. */
export function flightMs(random: Random, loss: number, segments: number): number {
  let latestMs = 0;
  for (let left = segments; left > 0; left--) {
    latestMs = Math.max(latestMs, repeatedMs(lossesInARow(random, loss)));
  }
  return latestMs;
}

/** How much later a connection request is answered: it, or its answer, may be lost. */
export function requestedMs(random: Random, loss: number): number {
  const either = 1 - (1 - loss) ** 2;
  return reconnectMs * (2 ** lossesInARow(random, either) - 1);
}

/** The time to the next of some events that come at random, so many in an hour. */
export function pauseMs(random: Random, hourly: number): number {
  if (hourly <= 0) return Number.POSITIVE_INFINITY;
  return (-Math.log(1 - random.fraction()) * 3_600_000) / hourly;
}
