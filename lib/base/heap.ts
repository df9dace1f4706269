/**
 * A persistent priority queue (pairing heap): the earliest entry in constant time, insertion in
 * constant time, removal of the earliest in amortised logarithmic time, nothing changed in place.
 * Entries with equal keys leave in the order in which they came.
 *
 * @module
 */

interface Node<Value> {
  readonly key: number;
  readonly order: number;
  readonly value: Value;
  readonly children: List<Value>;
}

type List<Value> = { readonly head: Node<Value>; readonly tail: List<Value> } | undefined;

/** Values ordered by a number. */
export interface Heap<Value> {
  readonly root: Node<Value> | undefined;
  /** How many were ever inserted: what breaks ties. */
  readonly inserted: number;
}

/** A heap without entries. */
export function emptyHeap<Value>(): Heap<Value> {
  return { root: undefined, inserted: 0 };
}

/** The heap with one more entry. */
export function insert<Value>(heap: Heap<Value>, key: number, value: Value): Heap<Value> {
  const node = { key, order: heap.inserted, value, children: undefined };
  return {
    root: heap.root === undefined ? node : meld(heap.root, node),
    inserted: heap.inserted + 1,
  };
}

/** The smallest key, or `undefined` when the heap is empty. */
export function smallestKey<Value>(heap: Heap<Value>): number | undefined {
  return heap.root?.key;
}

/** The value with the smallest key and the heap without it; `undefined` when empty. */
export function takeSmallest<Value>(
  heap: Heap<Value>,
): { readonly value: Value; readonly rest: Heap<Value> } | undefined {
  if (heap.root === undefined) return undefined;
  const { value, children } = heap.root;
  return { value, rest: { root: meldPairs(children), inserted: heap.inserted } };
}

function meld<Value>(one: Node<Value>, other: Node<Value>): Node<Value> {
  const first = one.key < other.key || (one.key === other.key && one.order < other.order);
  const [parent, child] = first ? [one, other] : [other, one];
  return { ...parent, children: { head: child, tail: parent.children } };
}

/** Melds in pairs, then the pairs; a loop, because thousands of entries may share one parent. */
function meldPairs<Value>(children: List<Value>): Node<Value> | undefined {
  const pairs: Node<Value>[] = [];
  for (let rest = children; rest !== undefined; ) {
    const second: List<Value> = rest.tail;
    pairs.push(second === undefined ? rest.head : meld(rest.head, second.head));
    rest = second?.tail;
  }
  return pairs.reduceRight<Node<Value> | undefined>(
    (melded, pair) => (melded === undefined ? pair : meld(melded, pair)),
    undefined,
  );
}
