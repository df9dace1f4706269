/**
 * What happens when, in virtual time: a queue of things to do, ordered by their instant and, at the
 * same instant, by the order in which they were planned.
 *
 * @module
 */

import type { Instant } from "../machine.ts";

interface Entry {
  readonly at: Instant;
  readonly order: number;
  readonly run: () => void;
}

/** The clock of a simulated world and what is still to come. */
export class Agenda {
  #now: Instant = 0;
  #planned = 0;
  readonly #heap: Entry[] = [];

  /** Milliseconds since the world began. */
  get now(): Instant {
    return this.#now;
  }

  /** How many things have been planned so far. */
  get planned(): number {
    return this.#planned;
  }

  /** Plans something; the past counts as now. */
  plan(at: Instant, run: () => void): void {
    const heap = this.#heap;
    const entry = { at: Math.max(at, this.#now), order: this.#planned++, run };
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const other = heap[parent] as Entry;
      if (!isBefore(entry, other)) break;
      heap[place] = other;
      place = parent;
    }
    heap[place] = entry;
  }

  /** Plans something so many milliseconds from now. */
  after(delayMs: number, run: () => void): void {
    this.plan(this.#now + delayMs, run);
  }

  /** Does the next thing, if it is due by then; the clock jumps to its instant. */
  runNext(until: Instant): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.at > until) {
      this.#now = Math.max(this.#now, until);
      return false;
    }
    this.#removeFirst();
    this.#now = next.at;
    next.run();
    return true;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Entry)) child++;
      const smaller = heap[child] as Entry;
      if (!isBefore(smaller, last)) break;
      heap[place] = smaller;
      place = child;
    }
    heap[place] = last;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at === other.at ? one.order < other.order : one.at < other.at;
}
