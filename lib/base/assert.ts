/**
 * The one thing in lib/ that throws at run time, and only for our own bugs.
 * Whatever a remote can cause is a {@link Result} or a refusal instead.
 *
 * @module
 */

/** Throws if `condition` does not hold: the state is then not to be trusted any longer. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${message}`);
}
