/**
 * Orders of delivery: all of them for small cases, seeded random ones for large cases.
 *
 * @module
 */

import { draw } from "../../lib/base/prng.ts";

/** Says which of so many possibilities comes next. */
export type Choose = (options: number) => number;

/** A choice that follows a seed. */
export function seeded(seed: number): Choose {
  let prng = seed;
  return (options) => {
    const drawn = draw(prng);
    prng = drawn.prng;
    return Math.floor(drawn.value * options);
  };
}

/**
 * Runs once for every sequence of choices, depth first, until there is none left or `limit` runs
 * are done. Each run must start from the same state.
 *
 * @returns how many runs there were, and whether these were all
 */
export function everyOrder(
  limit: number,
  run: (choose: Choose) => void,
): { readonly runs: number; readonly complete: boolean } {
  const path: { taken: number; options: number }[] = [];
  for (let runs = 1; ; runs++) {
    let depth = 0;
    run((options) => {
      const known = path[depth++];
      if (known !== undefined) return known.taken;
      path.push({ taken: 0, options });
      return 0;
    });
    while (path.length > 0) {
      const last = path[path.length - 1] as { taken: number; options: number };
      if (++last.taken < last.options) break;
      path.pop();
    }
    if (path.length === 0) return { runs, complete: true };
    if (runs >= limit) return { runs, complete: false };
  }
}
