/**
 * The connections of the authentication server in virtual time: order, silence, floods.
 * PROTOCOL.md sections 1 and 4.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { addressGroup } from "../lib/auth/address-group.ts";
import { AuthBench, refusal, wrong } from "./support/auth-bench.ts";

const auth = suite("authentication server: connections");
const second = 1000;

auth("answers the requests of one connection one after another, in order", () => {
  const bench = new AuthBench();
  const connection = bench.open();
  bench.ask(connection, wrong("ann"));
  bench.input({
    type: "malformed",
    at: bench.at,
    connection,
    error: { reason: "unknown-type", detail: "no such message here", fatal: false },
  });
  bench.ask(connection, { type: "login", ticket: "x" });
  bench.ask(connection, { type: "login", username: "ann", password: "right" });
  assert.equal(bench.replies(), []);
  bench.hashed(bench.take("hash")[0], false);
  assert.equal(bench.replies(), [
    refusal("credentials"),
    { type: "error", reason: "unknown-type", detail: "no such message here" },
    refusal("ticket-invalid"),
  ]);
  bench.hashed(bench.take("hash")[0], true);
  assert.is(bench.replies().length, 1);
});

auth("pauses a connection whose lines wait, and gives one up that does not care", () => {
  const bench = new AuthBench({ backlogBytesMax: 300 });
  const connection = bench.open();
  for (let n = 0; n < 5; n++) bench.ask(connection, wrong("ann"));
  assert.equal(bench.take("pause"), [{ type: "pause", connection }]);
  for (let [hash] = bench.take("hash"); hash !== undefined; [hash] = bench.take("hash")) {
    bench.hashed(hash, false);
  }
  assert.equal(bench.take("resume"), [{ type: "resume", connection }]);
  bench.sleep(second);
  for (let n = 0; n < 2000; n++) bench.ask(connection, wrong("ann"));
  assert.equal(bench.replies().at(-1), {
    type: "error",
    reason: "busy",
    detail: "too many requests at once; wait for the answers",
  });
  assert.equal(bench.take("close"), [{ type: "close", connection, reason: "busy" }]);
  assert.is(bench.state.connections.size, 0);
});

auth("answers a malformed line and closes only after a fatal one", () => {
  const bench = new AuthBench();
  const connection = bench.open();
  const malformed = (fatal: boolean) => {
    const error = { reason: "malformed", detail: "the line is not JSON", fatal } as const;
    bench.input({ type: "malformed", at: bench.at, connection, error });
    return bench.effects.splice(0).map((effect) => effect.type);
  };
  assert.equal(malformed(false), ["send", "report"]);
  assert.equal(malformed(false), ["send"]); // one line in the log is enough
  assert.equal(malformed(true), ["send", "close"]);
  assert.equal(malformed(true), []);
});

auth("closes a connection that asks for nothing in 10 s, but not one that waits", () => {
  const bench = new AuthBench();
  const silent = bench.open();
  bench.sleep(5 * second);
  const asking = bench.open();
  bench.ask(asking, wrong("ann"));
  const [hash] = bench.take("hash");
  assert.is(bench.nextDeadline(), bench.at + 5 * second);
  bench.sleep(5 * second);
  assert.equal(bench.take("close"), [
    { type: "close", connection: silent, reason: "login-timeout" },
  ]);
  bench.sleep(60 * second);
  assert.equal(bench.take("close"), []);
  bench.hashed(hash, false);
  bench.sleep(10 * second - 1);
  assert.equal(bench.take("close"), []);
  bench.sleep(1);
  bench.sleep(10 * second); // the sweep looks again at latest then
  assert.is(bench.take("close").length, 1);
});

auth("malformed lines keep no connection open", () => {
  const bench = new AuthBench();
  const connection = bench.open();
  for (let n = 0; n < 9; n++) {
    bench.sleep(second);
    const error = { reason: "malformed", detail: "", fatal: false } as const;
    bench.input({ type: "malformed", at: bench.at, connection, error });
  }
  bench.sleep(second);
  assert.is(bench.take("close").length, 1);
});

auth("bounds connections, per address and in all, and lets no address have them all", () => {
  const bench = new AuthBench({ connectionsMax: 10, connectionsPerAddressMax: 6 });
  for (let n = 0; n < 6; n++) bench.open("10.0.0.1");
  bench.open("::ffff:10.0.0.1");
  assert.equal(bench.replies(), [
    { type: "error", reason: "busy", detail: "too many connections; try again in some seconds" },
  ]);
  assert.is(bench.take("close").length, 1);
  for (let n = 0; n < 4; n++) bench.open("10.0.0.2");
  assert.equal(bench.take("close"), []);
  const other = bench.open("10.0.0.3");
  assert.is(bench.take("close").length, 1);
  assert.is(bench.state.connections.has(other), true);
  assert.is(bench.state.connections.size, 10);
});

auth("addresses of one IPv6 /64 count as one, mapped IPv4 as IPv4", () => {
  const groups: readonly (readonly [string, string])[] = [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::FFFF:c000:0207", "192.0.2.7"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:db8:0:0:ffff:1:2:3", "2001:db8:0:0::/64"],
    ["2001:DB8:0:1::", "2001:db8:0:1::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"],
    ["1::2::3", "1::2::3"],
    ["", ""],
  ];
  for (const [address, group] of groups) assert.is(addressGroup(address), group);
  const bench = new AuthBench();
  for (let n = 0; n < 5; n++) bench.login("ann", "wrong", { address: `2001:db8::${n}` });
  assert.is(bench.login("ann", "right", { address: "2001:db8::99" }).approved, "false");
});

auth.run();
