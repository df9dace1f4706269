/**
 * The one handle around a machine: it owns the current state, takes inputs one after another,
 * performs the effects in order and arms a single timer. It knows nothing of what it drives.
 *
 * @module
 */

import type { Instant, Machine } from "./machine.ts";

/** What a machine needs of the world it runs in. */
export interface Host<Effect> {
  /** Monotonic milliseconds; must never run backwards. */
  now(): Instant;
  /** Arms the only timer; a later call replaces an earlier one, `undefined` disarms it. */
  wakeAt(instant: Instant | undefined, wake: () => void): void;
  /** Does what the effect says. May call {@link Driver.input}: that input waits for its turn. */
  perform(effect: Effect): void;
}

/**
 * Runs a machine.
 *
 * @example
 * ```ts
 * const tick = (at: Instant) => ({ type: "tick", at }) as const;
 * const driver = new Driver(serverMachine, createServer(config, start), host, tick);
 * driver.start();
 * driver.input({ type: "opened", at: host.now(), connection, role: "client" });
 * ```
 */
export class Driver<State, Input extends { readonly at: Instant }, Effect> {
  readonly #machine: Machine<State, Input, Effect>;
  readonly #host: Host<Effect>;
  readonly #tick: (at: Instant) => Input;
  readonly #waiting: Input[] = [];
  #state: State;
  #running = false;
  #armed: Instant | undefined;
  #latest = Number.NEGATIVE_INFINITY;

  constructor(
    machine: Machine<State, Input, Effect>,
    initial: State,
    host: Host<Effect>,
    tick: (at: Instant) => Input,
  ) {
    this.#machine = machine;
    this.#state = initial;
    this.#host = host;
    this.#tick = tick;
  }

  /** The state after the last input that was taken. */
  get state(): State {
    return this.#state;
  }

  /** Gives the machine its first tick; what it wants to do by itself begins here. */
  start(): void {
    this.input(this.#tick(this.#host.now()));
  }

  /** Takes an input now, or after those that wait while effects are being performed. */
  input(input: Input): void {
    this.#waiting.push(input);
    if (this.#running) return;
    this.#running = true;
    try {
      this.#drain();
    } finally {
      this.#running = false;
      this.#waiting.length = 0;
    }
    this.#arm();
  }

  #drain(): void {
    for (let index = 0; index < this.#waiting.length; index++) {
      const input = this.#waiting[index] as Input;
      this.#latest = Math.max(this.#latest, input.at);
      const late = input.at < this.#latest;
      const { state, effects } = this.#machine.step(
        this.#state,
        late ? { ...input, at: this.#latest } : input,
      );
      this.#state = state;
      for (const effect of effects) this.#host.perform(effect);
    }
  }

  #arm(): void {
    const deadline = this.#machine.nextDeadline(this.#state);
    if (deadline === this.#armed) return;
    this.#armed = deadline;
    this.#host.wakeAt(deadline, () => {
      this.#armed = undefined;
      this.input(this.#tick(this.#host.now()));
    });
  }
}
