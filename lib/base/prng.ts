/**
 * A seeded generator as a pure function, for jitter. Secrets never come from here: they arrive as
 * bytes in inputs.
 *
 * @module
 */

/**
 * Draws a number in [0, 1) and the generator's next state (mulberry32).
 *
 * @example
 * ```ts
 * const { value, prng } = draw(seed);
 * const pauseMs = 100 * (1 + value); // keep `prng` for the next draw
 * ```
 */
export function draw(prng: number): { readonly prng: number; readonly value: number } {
  const next = (prng + 0x6d2b79f5) | 0;
  let mixed = Math.imul(next ^ (next >>> 15), next | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return { prng: next, value: ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 };
}
