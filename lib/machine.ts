/**
 * What every part of the system is: a deterministic machine that turns a state and an input into
 * the next state and a list of effects. No clock, no randomness, no I/O.
 *
 * @module
 */

/** Milliseconds on the driver's monotonic clock; never wall-clock time. */
export type Instant = number;

/** What one step yields: the next state, and what the driver is to do, in order, none left out. */
export interface Step<State, Effect> {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** A deterministic state machine without I/O. */
export interface Machine<State, Input extends { readonly at: Instant }, Effect> {
  /** Pure: same state and input, same step. Never throws for anything a remote sent. */
  step(state: State, input: Input): Step<State, Effect>;
  /** When the machine next wants a `tick`; `undefined` when it waits for nothing. */
  nextDeadline(state: State): Instant | undefined;
}

/** The next state with the effects given, or none. */
export function step<State, Effect>(state: State, ...effects: Effect[]): Step<State, Effect> {
  return { state, effects };
}

/**
 * Runs transitions one after another, each on the state the last one left, and joins their effects.
 *
 * @example
 * ```ts
 * return sequence(state, (s) => forgetRoomsOf(s, member), (s) => recountBallots(s));
 * ```
 */
export function sequence<State, Effect>(
  state: State,
  ...transitions: readonly ((state: State) => Step<State, Effect>)[]
): Step<State, Effect> {
  return forEach(transitions, state, (current, transition) => transition(current));
}

/** Runs one transition for each item, each on the state the last one left. */
export function forEach<Item, State, Effect>(
  items: Iterable<Item>,
  state: State,
  transition: (state: State, item: Item) => Step<State, Effect>,
): Step<State, Effect> {
  let current = state;
  const effects: Effect[] = [];
  for (const item of items) {
    const next = transition(current, item);
    current = next.state;
    for (const effect of next.effects) effects.push(effect);
  }
  return { state: current, effects };
}
