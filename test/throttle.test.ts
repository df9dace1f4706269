/**
 * What the authentication server remembers of failures: bounded, and not to be flushed cheaply.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lookUp, recentTable, sizeOf, write } from "../lib/auth/recent-table.ts";
import {
  afterFailure,
  afterSuccess,
  createThrottle,
  entriesOf,
  forgetUsers,
  isStranger,
  throttleStandard,
  waitOf,
} from "../lib/auth/throttle.ts";
import { user, usersOf } from "./support/auth-bench.ts";

const throttle = suite("throttle");
const minute = 60_000;
const ann = { username: "ann", address: "10.0.0.1" };

throttle("a recent table never grows beyond its size and forgets the oldest", () => {
  let table = recentTable<number>(10, 1000);
  for (let n = 0; n < 1000; n++) {
    table = write(table, `key${n}`, n, 0);
    assert.ok(sizeOf(table) <= 10);
    for (let back = 0; back < Math.min(5, n); back++) {
      assert.is(lookUp(table, `key${n - back}`), n - back);
    }
  }
  assert.is(lookUp(table, "key900"), undefined);
});

throttle("a recent table keeps an entry for at least its time, and twice that at most", () => {
  let table = write(recentTable<number>(10, 1000), "a", 1, 500);
  table = write(table, "b", 2, 1500);
  assert.is(lookUp(table, "a"), 1);
  table = write(table, "c", 3, 2500);
  assert.equal([lookUp(table, "a"), lookUp(table, "b")], [undefined, 2]);
});

throttle("fresh names do not push out those that are held back", () => {
  let state = createThrottle({ ...throttleStandard, entriesMax: 50 });
  for (let tries = 0; tries < 10; tries++) state = afterFailure(state, ann, 0);
  const held = waitOf(state, ann, 0);
  assert.is(held, 32_000);
  for (let n = 0; n < 5000; n++) {
    state = afterFailure(state, { username: `u${n}`, address: `10.1.${n >> 8}.${n & 255}` }, 1);
  }
  assert.ok(entriesOf(state) <= 6 * 50);
  assert.is(waitOf(state, ann, 0), held);
});

throttle("a pair starts afresh an hour after its last failure", () => {
  let state = createThrottle();
  for (let tries = 0; tries < 20; tries++) state = afterFailure(state, ann, tries * 11 * minute);
  const last = 19 * 11 * minute;
  assert.is(waitOf(state, ann, last), 5 * minute);
  state = afterFailure(state, ann, last + 59 * minute);
  assert.is(waitOf(state, ann, last + 59 * minute), 5 * minute);
  state = afterFailure(state, ann, last + 119 * minute);
  assert.is(waitOf(state, ann, last + 119 * minute), 0);
});

throttle("an address is counted over a sliding window", () => {
  let state = createThrottle();
  for (let n = 0; n < 30; n++) {
    const origin = { username: `u${n}`, address: ann.address };
    assert.is(waitOf(state, ann, n * 10_000), 0);
    state = afterFailure(state, origin, n * 10_000);
  }
  assert.is(waitOf(state, ann, 290_000), 310_000);
  assert.is(waitOf(state, ann, 600_000), 0);
  state = afterFailure(state, { username: "u30", address: ann.address }, 600_000);
  assert.is(waitOf(state, ann, 600_000), 10_000);
});

throttle("remembers a bounded number of addresses of users that there are", () => {
  let state = createThrottle();
  for (let n = 0; n < 20; n++) state = afterSuccess(state, { ...ann, address: `10.0.0.${n}` });
  for (let n = 0; n < 20; n++) {
    state = afterFailure(state, { ...ann, address: `10.9.0.${n}` }, 0);
  }
  assert.is(isStranger(state, { ...ann, address: "10.0.0.19" }, 0), false);
  assert.is(isStranger(state, { ...ann, address: "10.0.0.12" }, 0), false);
  assert.is(isStranger(state, { ...ann, address: "10.0.0.11" }, 0), true);
  assert.is(isStranger(state, { ...ann, address: "10.0.0.11" }, 10 * minute), false);
  state = forgetUsers(state, usersOf(user("bob")));
  assert.is(isStranger(state, { ...ann, address: "10.0.0.19" }, 0), true);
});

throttle.run();
