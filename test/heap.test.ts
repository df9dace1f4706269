/**
 * The persistent priority queue against a sorted list.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { emptyHeap, type Heap, insert, smallestKey, takeSmallest } from "../lib/base/heap.ts";
import { seeded } from "./support/orders.ts";

const heaps = suite("heap");

function drained<Value>(heap: Heap<Value>): readonly Value[] {
  const values: Value[] = [];
  for (let rest = heap; ; ) {
    const taken = takeSmallest(rest);
    if (taken === undefined) return values;
    values.push(taken.value);
    rest = taken.rest;
  }
}

heaps("an empty heap has nothing", () => {
  assert.is(smallestKey(emptyHeap()), undefined);
  assert.is(takeSmallest(emptyHeap()), undefined);
});

heaps("equal keys leave in the order in which they came, also after removals", () => {
  let heap = emptyHeap<string>();
  for (const name of ["a", "b", "c"]) heap = insert(heap, 5, name);
  heap = takeSmallest(heap)?.rest ?? heap;
  for (const name of ["d", "e"]) heap = insert(heap, 5, name);
  heap = insert(heap, 4, "first");
  assert.equal(drained(heap), ["first", "b", "c", "d", "e"]);
});

heaps("a random mix of insertions and removals agrees with a sorted list", () => {
  const choose = seeded(7);
  let heap = emptyHeap<number>();
  let model: { key: number; value: number }[] = [];
  for (let value = 0; value < 5_000; value++) {
    if (choose(3) > 0) {
      const key = choose(50);
      heap = insert(heap, key, value);
      const place = model.findIndex((entry) => entry.key > key);
      model.splice(place === -1 ? model.length : place, 0, { key, value });
    } else {
      assert.is(takeSmallest(heap)?.value, model[0]?.value);
      heap = takeSmallest(heap)?.rest ?? heap;
      model = model.slice(1);
    }
    assert.is(smallestKey(heap), model[0]?.key);
  }
  assert.equal(
    drained(heap),
    model.map(({ value }) => value),
  );
});

heaps("nothing is changed in place", () => {
  const one = insert(insert(emptyHeap<string>(), 2, "b"), 1, "a");
  const other = insert(one, 0, "z");
  assert.equal(
    [drained(one), drained(other)],
    [
      ["a", "b"],
      ["z", "a", "b"],
    ],
  );
  assert.equal(drained(one), ["a", "b"]);
});

heaps("many entries under one parent do not exhaust the stack", () => {
  let heap = insert(emptyHeap<number>(), -1, -1);
  for (let value = 0; value < 100_000; value++) heap = insert(heap, value, value);
  heap = takeSmallest(heap)?.rest ?? heap;
  assert.is(smallestKey(heap), 0);
});

heaps.run();
