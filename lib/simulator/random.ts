/**
 * Everything that is left to chance in a simulated cluster, from one seed. Each part of it draws
 * from a generator of its own, so that taking one fault away changes as little else as possible.
 *
 * @module
 */

import { draw } from "../base/prng.ts";

/** A seeded generator that remembers where it is. */
export class Random {
  #prng: number;

  constructor(seed: number, purpose: string = "") {
    let mixed = seed | 0;
    for (const sign of purpose) mixed = Math.imul(mixed ^ (sign.codePointAt(0) ?? 0), 0x01000193);
    this.#prng = mixed;
    for (let warm = 0; warm < 3; warm++) this.fraction();
  }

  /** A number in [0, 1). */
  fraction(): number {
    const { prng, value } = draw(this.#prng);
    this.#prng = prng;
    return value;
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** A whole number in [least, most]. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** Whether something happens that does so with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of these; there must be one. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** So many of these, in a random order. */
  sample<Item>(items: readonly Item[], count: number): Item[] {
    const rest = [...items];
    const taken: Item[] = [];
    while (taken.length < count && rest.length > 0) {
      taken.push(...rest.splice(this.below(rest.length), 1));
    }
    return taken;
  }

  /** One of these keys, each as likely as its weight says. */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key {
    const entries = Object.entries(weights) as [Key, number][];
    let left = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return (entries[0] as [Key, number])[0];
  }

  /** Bytes that nobody else draws, as a host would get them from its system. */
  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let place = 0; place < count; place += 3) {
      const drawn = this.below(2 ** 24);
      for (let each = 0; each < 3; each++) bytes[place + each] = (drawn >> (8 * each)) & 0xff;
    }
    return bytes;
  }
}
