/**
 * Waiting in tests: for a condition, never for a time.
 *
 * @module
 */

/** How long a condition may take on a busy machine before the test fails. */
export const patienceMs = 20_000;

/**
 * Looks every few milliseconds until `condition` gives something, and returns it. Throws with
 * `what` in its message when that takes too long.
 */
export async function waitFor<Value>(
  what: string,
  condition: () => Value | undefined | false | null | Promise<Value | undefined | false | null>,
  limitMs: number = patienceMs,
): Promise<Value> {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false && value !== null) return value;
    if (performance.now() > end) throw new Error(`after ${limitMs} ms still waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The promise's value, or an error with `what` in its message when it takes too long. */
export async function within<Value>(
  what: string,
  promise: Promise<Value>,
  limitMs: number = patienceMs,
): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`after ${limitMs} ms still waiting: ${what}`)),
      limitMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
