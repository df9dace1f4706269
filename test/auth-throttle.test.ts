/**
 * Whose password is looked at, and when: waits, the slow lane, turns and full queues, in virtual
 * time. PROTOCOL.md section 4.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { queueStandard } from "../lib/auth/hash-queue.ts";
import { AuthBench, refusal, wrong } from "./support/auth-bench.ts";

const auth = suite("authentication server: waits and queues");
const second = 1000;

auth("after 5 failures of a pair doubles the wait from 1 s to 5 min, without a hash", () => {
  const bench = new AuthBench();
  for (let failures = 1; failures <= 4; failures++) {
    assert.equal(bench.login("ann", "wrong"), refusal("credentials"));
  }
  for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
    assert.equal(bench.login("ann", "wrong"), refusal("credentials"));
    assert.equal(bench.login("ann", "right"), refusal("throttled", String(seconds)));
    bench.sleep(seconds * second - 1);
    assert.equal(bench.login("ann", "right"), refusal("throttled", "1"));
    assert.equal(bench.take("hash"), []);
    bench.sleep(1);
  }
  assert.is(bench.login("ann", "right").approved, "true");
});

auth("a right password clears the failures of its pair", () => {
  const bench = new AuthBench();
  for (let round = 0; round < 3; round++) {
    for (let failures = 1; failures <= 4; failures++) bench.login("ann", "wrong");
    assert.is(bench.login("ann", "right").approved, "true");
  }
});

auth("throttles a name that nobody has like one that somebody has", () => {
  const outcome = (username: string) => {
    const bench = new AuthBench();
    return Array.from({ length: 8 }, () => bench.login(username, "wrong"));
  };
  assert.equal(outcome("nobody"), outcome("ann"));
});

auth("does not hold the owner back for what others do elsewhere", () => {
  const bench = new AuthBench();
  for (let tries = 0; tries < 10; tries++) bench.login("ann", "wrong", { address: "10.0.0.9" });
  assert.is(bench.login("ann", "right", { address: "10.0.0.1" }).approved, "true");
});

auth("throttles an address after 30 failures in 10 min, whatever the names", () => {
  const bench = new AuthBench();
  for (let tries = 0; tries < 30; tries++) {
    assert.equal(bench.login(`name${tries}`, "wrong"), refusal("credentials"));
    bench.sleep(second);
  }
  assert.equal(bench.login("ann", "right"), refusal("throttled", "570"));
  assert.is(bench.login("ann", "right", { address: "10.0.0.2" }).approved, "true");
  bench.sleep(570 * second);
  assert.is(bench.login("ann", "right").approved, "true");
});

auth("counts a pair's parallel tries one after another", () => {
  const bench = new AuthBench();
  const connections = Array.from({ length: 12 }, () => bench.open());
  for (const connection of connections) bench.ask(connection, wrong("ann"));
  let hashes = 0;
  for (let [hash] = bench.take("hash"); hash !== undefined; [hash] = bench.take("hash")) {
    assert.is(bench.state.queue.running.length, 1);
    hashes++;
    bench.hashed(hash, false);
  }
  assert.is(hashes, 5);
  assert.equal(bench.replies().slice(5), Array(7).fill(refusal("throttled", "1")));
});

auth("sends strangers to the slow lane from 20 failures of a user on, known addresses not", () => {
  const bench = new AuthBench();
  assert.is(bench.login("ann", "right", { address: "10.1.0.1" }).approved, "true");
  for (let tries = 0; tries < 20; tries++) {
    bench.login("ann", "wrong", { address: `10.2.0.${tries}` });
  }
  const strangers = [1, 2, 3].map((n) => bench.open(`10.3.0.${n}`));
  for (const stranger of strangers) bench.ask(stranger, wrong("ann"));
  const [slow, ...more] = bench.take("hash");
  assert.equal(more, [], "one at a time");
  bench.ask(bench.open("10.1.0.1"), { type: "login", username: "ann", password: "right" });
  const [owner] = bench.take("hash");
  assert.is(owner?.password, "right", "the owner passes them");
  bench.hashed(owner, true);
  bench.hashed(slow, false);
  assert.equal(bench.take("hash"), [], "a pause follows");
  assert.is(bench.nextDeadline(), bench.at + second);
  bench.sleep(second);
  assert.is(bench.take("hash").length, 1);
});

auth("a slow lane full of one user's strangers leaves the others alone", () => {
  const bench = new AuthBench();
  for (let tries = 0; tries < 20; tries++) {
    bench.login("ann", "wrong", { address: `10.2.0.${tries}` });
  }
  const busy: unknown[] = [];
  for (let n = 0; n < 100; n++) {
    bench.ask(bench.open(`10.3.0.${n}`), wrong("ann"));
    busy.push(...bench.replies().map((reply) => ("reason" in reply ? reply.reason : reply)));
  }
  assert.is(busy.length, 100 - 1 - queueStandard.slowWaitingMax);
  assert.equal([...new Set(busy)], ["busy"]);
  bench.take("hash");
  bench.ask(bench.open("10.4.0.1"), { type: "login", username: "bob", password: "right" });
  const [hash] = bench.take("hash");
  assert.is(hash?.password, "right");
});

auth("hashes two at a time and lets addresses take turns", () => {
  const bench = new AuthBench();
  const ask = (address: string, name: string) => bench.ask(bench.open(address), wrong(name));
  for (const name of ["a1", "a2", "a3", "a4", "a5", "a6"]) ask("10.0.0.1", name);
  ask("10.0.0.2", "b1");
  ask("10.0.0.3", "c1");
  const running = bench.take("hash");
  assert.is(running.length, 2);
  const order: (string | undefined)[] = [];
  while (running.length > 0) {
    const hash = running.shift();
    order.push(bench.state.queue.running.find((each) => each.request === hash?.request)?.username);
    bench.hashed(hash, false);
    running.push(...bench.take("hash"));
  }
  assert.equal(order, ["a1", "a2", "a3", "b1", "c1", "a4", "a5", "a6"]);
});

auth("answers busy when an address has too many waiting, and when all have", () => {
  const queue = { ...queueStandard, waitingMax: 6, waitingPerAddressMax: 4 };
  const bench = new AuthBench({ queue });
  const ask = (address: string, name: string) => bench.ask(bench.open(address), wrong(name));
  for (let n = 0; n < 6; n++) ask("10.0.0.1", `a${n}`); // two of them run
  assert.equal(bench.replies(), []);
  ask("10.0.0.1", "a6");
  assert.equal(bench.replies(), [refusal("busy", "3")]);
  ask("10.0.0.2", "b0");
  ask("10.0.0.2", "b1");
  assert.equal(bench.replies(), []);
  ask("10.0.0.3", "c0"); // full: the address with four gives way
  assert.equal(bench.replies(), [refusal("busy", "4")]);
  const waiting = bench.state.queue.waiting.map(({ login }) => login.username);
  assert.equal(waiting, ["a2", "a3", "a4", "b0", "b1", "c0"]);
  ask("10.0.0.2", "b2"); // nobody has more than it would have
  assert.equal(bench.replies(), [refusal("busy", "4")]);
});

auth(
  "forgets a waiting login of a closed connection, but counts the failure of a running one",
  () => {
    const bench = new AuthBench();
    for (let tries = 0; tries < 5; tries++) {
      const connection = bench.open();
      bench.ask(connection, wrong("ann"));
      bench.input({ type: "closed", at: bench.at, connection });
      bench.hashed(bench.take("hash")[0], false);
    }
    assert.equal(bench.replies(), []);
    assert.equal(bench.login("ann", "right"), refusal("throttled", "1"));
    const [one, two, three] = [bench.open(), bench.open(), bench.open()];
    bench.ask(one, wrong("x1"));
    bench.ask(two, wrong("x2"));
    bench.ask(three, wrong("x3"));
    bench.input({ type: "closed", at: bench.at, connection: three });
    const running = bench.take("hash");
    for (const hash of running) bench.hashed(hash, false);
    assert.equal([running.length, bench.take("hash").length], [2, 0]);
  },
);

auth.run();
