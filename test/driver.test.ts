/**
 * The driver: inputs in turn, effects in order, one timer; and the way transitions are joined.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Driver, type Host } from "../lib/driver.ts";
import { forEach, type Instant, type Machine, sequence, step } from "../lib/machine.ts";

const drivers = suite("driver");

interface Input {
  readonly at: Instant;
  readonly word: string;
}

interface State {
  readonly words: readonly string[];
  readonly deadline: Instant | undefined;
}

/** Says every word, wants to be woken by `wake N`, and fails on `fail`. */
const machine: Machine<State, Input, string> = {
  step(state, { at, word }) {
    if (word === "fail") throw new Error("a bug");
    const wake = /^wake (\d+)$/.exec(word);
    const deadline = word === "tick" ? undefined : wake ? at + Number(wake[1]) : state.deadline;
    const words = [...state.words, `${word}@${at}`];
    return { state: { words, deadline }, effects: [`${word} one`, `${word} two`] };
  },
  nextDeadline: ({ deadline }) => deadline,
};

/** A host whose clock and timer a test moves. */
class TestHost implements Host<string> {
  time = 0;
  armed: { readonly at: Instant; readonly wake: () => void } | undefined;
  armings = 0;
  readonly performed: string[] = [];
  perform: (effect: string) => void = (effect) => this.performed.push(effect);
  now = (): Instant => this.time;
  wakeAt = (at: Instant | undefined, wake: () => void): void => {
    this.armings++;
    this.armed = at === undefined ? undefined : { at, wake };
  };
}

function start(): { readonly host: TestHost; readonly driver: Driver<State, Input, string> } {
  const host = new TestHost();
  const initial: State = { words: [], deadline: undefined };
  return { host, driver: new Driver(machine, initial, host, (at) => ({ at, word: "tick" })) };
}

drivers("start gives the first tick", () => {
  const { host, driver } = start();
  assert.equal(driver.state.words, []);
  driver.start();
  assert.equal([driver.state.words, host.performed], [["tick@0"], ["tick one", "tick two"]]);
});

drivers("an input that comes while effects are performed waits for its turn", () => {
  const { host, driver } = start();
  host.perform = (effect) => {
    host.performed.push(effect);
    if (effect === "a one") {
      driver.input({ at: 0, word: "b" });
      assert.equal(driver.state.words, ["a@0"]);
    }
  };
  driver.input({ at: 0, word: "a" });
  assert.equal(host.performed, ["a one", "a two", "b one", "b two"]);
});

drivers("time never runs backwards for the machine", () => {
  const { driver } = start();
  for (const at of [5, 3, 7]) driver.input({ at, word: "x" });
  assert.equal(driver.state.words, ["x@5", "x@5", "x@7"]);
});

drivers("one timer, armed when the deadline changes, and asked for again after it rang", () => {
  const { host, driver } = start();
  driver.input({ at: 0, word: "x" });
  assert.is(host.armings, 0);
  driver.input({ at: 0, word: "wake 10" });
  driver.input({ at: 0, word: "x" });
  assert.equal([host.armings, host.armed?.at], [1, 10]);
  driver.input({ at: 2, word: "wake 20" });
  assert.equal([host.armings, host.armed?.at], [2, 22]);
  host.time = 22;
  host.armed?.wake();
  assert.is(driver.state.words.at(-1), "tick@22");
  driver.input({ at: 22, word: "wake 0" });
  assert.is(host.armed?.at, 22);
});

drivers("after a bug the driver is not stuck, and what waited is not run on a broken state", () => {
  const { host, driver } = start();
  host.perform = (effect) => {
    if (effect === "a one") for (const word of ["fail", "lost"]) driver.input({ at: 0, word });
  };
  assert.throws(() => driver.input({ at: 0, word: "a" }), "a bug");
  driver.input({ at: 0, word: "b" });
  assert.equal(driver.state.words, ["a@0", "b@0"]);
});

drivers("transitions in a row: each on the state the last one left, all effects in order", () => {
  const add = (n: number) => (state: number) => step(state + n, `add ${n} to ${state}`);
  const joined = sequence(1, add(2), add(3));
  assert.equal(joined, { state: 6, effects: ["add 2 to 1", "add 3 to 3"] });
  assert.equal(sequence<number, string>(1), { state: 1, effects: [] });
  const each = forEach([2, 3], 1, (state, n) => add(n)(state));
  assert.equal(each, joined);
});

drivers.run();
