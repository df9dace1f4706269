/**
 * The clock: monotonic, counts sleep, wakes once and not early.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createClock, type TimeSources } from "../bin/host/clock.ts";
import { within } from "./support/wait.ts";

const clock = suite("clock");

/** Sources that a test moves by hand. */
function fakeTime(): TimeSources & {
  pass(ms: number): void;
  sleep(ms: number): void;
  reads: number;
} {
  let awake = 5000;
  let boot = 900_000;
  let wall = 1.7e12;
  const time = {
    reads: 0,
    awake: () => awake,
    sinceBoot: () => {
      time.reads++;
      return Math.floor(boot / 10) * 10; // as coarse as the real one
    },
    wall: () => wall,
    pass: (ms: number) => {
      awake += ms;
      boot += ms;
      wall += ms;
    },
    sleep: (ms: number) => {
      boot += ms;
      wall += ms;
    },
  };
  return time;
}

clock("starts at 0 and follows the monotonic source without reading the costly one", () => {
  const time = fakeTime();
  const { now } = createClock(time);
  assert.is(now(), 0);
  for (let i = 0; i < 99; i++) {
    time.pass(10);
    now();
  }
  assert.is(now(), 990);
  assert.is(time.reads, 1);
});

clock("counts the time asleep at the very next reading", () => {
  const time = fakeTime();
  const { now } = createClock(time);
  time.pass(3);
  time.sleep(60_000);
  time.pass(1);
  assert.ok(now() >= 60_000 && now() <= 60_020, `${now()}`);
  const before = now();
  time.pass(500);
  assert.is(now(), before + 500);
});

clock("never runs backwards and does not believe the wall clock", () => {
  const time = fakeTime();
  let wall = 0;
  const { now } = createClock({ ...time, wall: () => wall });
  let latest = 0;
  for (const jump of [0, 1e9, -2e9, 5, 1e12]) {
    wall += jump;
    time.pass(100);
    assert.ok(now() >= latest + 100 && now() <= latest + 120, `${latest} then ${now()}`);
    latest = now();
  }
});

clock("works where nothing counts sleep", () => {
  const time = fakeTime();
  const { now } = createClock({ ...time, sinceBoot: undefined });
  time.pass(2500);
  assert.is(now(), 2500);
});

clock("wakes at the instant of the latest call, once, never early", async () => {
  const { now, wakeAt } = createClock();
  let early = 0;
  wakeAt(now() + 5, () => early++);
  const instant = now() + 30;
  const woken = new Promise<number>((resolve) => wakeAt(instant, () => resolve(now())));
  assert.ok((await within("the timer", woken)) >= instant);
  wakeAt(now() + 1, () => early++);
  wakeAt(undefined, () => early++);
  await new Promise<void>((resolve) => setTimeout(resolve, 20));
  assert.is(early, 0);
});

clock("real time passes as fast as it does, on every runtime", async () => {
  const began = performance.now();
  const { now } = createClock();
  // Longer than the second after which it looks how long the machine was asleep.
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const ahead = now() - (performance.now() - began);
    assert.ok(ahead <= 50, `${ahead} ms ahead`);
  }
});

clock.run();
