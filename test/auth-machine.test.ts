/**
 * The authentication server in virtual time: who gets a ticket, and what the others get to hear.
 * PROTOCOL.md section 4.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { TicketKeys } from "../lib/auth/auth-inputs.ts";
import { authStandard } from "../lib/auth/auth-state.ts";
import { queueStandard } from "../lib/auth/hash-queue.ts";
import { entriesOf, throttleStandard } from "../lib/auth/throttle.ts";
import { dummyPassword } from "../lib/auth/users.ts";
import type { ConnectionId } from "../lib/base/ids.ts";
import { draw } from "../lib/base/prng.ts";
import { AuthBench, refusal, user, usersOf, wrong } from "./support/auth-bench.ts";

const auth = suite("authentication server");
const second = 1000;
const minute = 60 * second;

auth("gives a ticket for the right password, bound to the user's name or the identity", () => {
  const bench = new AuthBench();
  const plain = bench.login("ann", "right");
  assert.is(plain.approved, "true");
  const claims = bench.read(plain);
  assert.equal(claims, {
    username: "ann",
    identity: "ann",
    expiresAt: bench.unixSeconds + 600,
    authTime: bench.unixSeconds,
    ticketId: "AQEBAQEBAQEBAQEBAQEBAQ",
  });
  assert.is(plain.expires, String(bench.unixSeconds + 600));
  assert.is(bench.read(bench.login("ann", "right", { identity: "annie" }))?.identity, "annie");
});

auth("hashes and answers alike for unknown, wrong and disabled", () => {
  const bench = new AuthBench();
  const seen = ["nobody", "ann", "off", "a b", "", "x".repeat(5000)].map((username, index) => {
    const connection = bench.open(`10.0.0.${index}`);
    bench.ask(connection, { type: "login", username, password: username === "off" ? "right" : "" });
    const [hash] = bench.take("hash");
    bench.hashed(hash, username === "off");
    return { cost: [hash?.record.N, hash?.record.r, hash?.record.p], replies: bench.replies() };
  });
  for (const each of seen) {
    assert.equal(each, { cost: [1024, 8, 1], replies: [refusal("credentials")] });
  }
});

auth("hashes against a dummy for an unknown name, and never believes it", () => {
  const bench = new AuthBench();
  bench.ask(bench.open(), { type: "login", username: "nobody", password: "x" });
  const [hash] = bench.take("hash");
  assert.equal(hash?.record, dummyPassword(bench.state.users));
  bench.hashed(hash, true);
  assert.equal(bench.replies(), [refusal("credentials")]);
});

auth("speaks of identities only to those with a right password", () => {
  const cases = [
    ["bob", "identity-reserved"],
    ["off", "identity-reserved"],
    ["a-b", "identity-invalid"],
    ["", "identity-invalid"],
  ] as const;
  for (const [identity, reason] of cases) {
    const bench = new AuthBench();
    assert.equal(bench.login("ann", "wrong", { identity }), refusal("credentials"));
    assert.equal(bench.login("ann", "right", { identity }), refusal(reason));
  }
  const bench = new AuthBench({}, usersOf(user("not.an.identity")));
  assert.equal(bench.login("not.an.identity", "right"), refusal("identity-invalid"));
  assert.is(bench.login("not.an.identity", "right", { identity: "fine" }).approved, "true");
});

auth("does not keep a password once its hash has begun", () => {
  const bench = new AuthBench();
  bench.ask(bench.open(), { type: "login", username: "ann", password: "hunter22" });
  assert.not.match(JSON.stringify(bench.state), "hunter22");
});

auth("a hash that could not be computed is nobody's failure", () => {
  const bench = new AuthBench();
  for (let tries = 0; tries < 6; tries++) {
    bench.ask(bench.open(), { type: "login", username: "ann", password: "right" });
    const request = bench.take("hash")[0]?.request ?? 0;
    bench.input({ type: "hashed", at: bench.at, request, matches: undefined });
    assert.equal(bench.replies(), [refusal("busy", "1")]);
  }
  assert.is(bench.login("ann", "right").approved, "true");
});

auth("judges a login by the users file as it is when the hash is done", () => {
  const changes = [
    usersOf(user("ann", { disabled: true })),
    usersOf(user("bob")),
    usersOf(user("ann", { scrypt: { ...user("ann").scrypt, hash: `${"B".repeat(43)}=` } })),
  ];
  for (const users of changes) {
    const bench = new AuthBench();
    bench.ask(bench.open(), { type: "login", username: "ann", password: "right" });
    const [hash] = bench.take("hash");
    bench.input({ type: "users-changed", at: bench.at, users });
    bench.hashed(hash, true);
    assert.equal(bench.replies(), [refusal("credentials")]);
  }
});

auth("signs and checks with new keys from the moment they come", () => {
  const bench = new AuthBench();
  const old = bench.login("ann", "right");
  const keys: TicketKeys = { sign: () => new Uint8Array(64).fill(7), verify: () => false };
  bench.input({ type: "keys-changed", at: bench.at, keys });
  assert.equal(bench.renew(old), refusal("ticket-invalid"));
  const signature = (bench.login("ann", "right").ticket ?? "").split(".")[2];
  assert.is(signature, `${"BwcH".repeat(21)}Bw`);
});

auth("names users in reports only if there are such, and no password or ticket ever", () => {
  const bench = new AuthBench();
  bench.login("my-secret-password", "wrong-password");
  bench.login("ann", "wrong-password");
  bench.renew(bench.login("ann", "right"));
  const text = JSON.stringify(bench.reports);
  assert.not.match(text, "password");
  assert.not.match(text, "right");
  assert.not.match(text, "eyJ");
  assert.match(text, '"username":"ann"');
});

auth("is the standard that PROTOCOL.md promises", () => {
  assert.equal(
    [authStandard.ticketSeconds, authStandard.renewalSeconds, authStandard.idleMs],
    [600, 43_200, 10_000],
  );
});

auth("survives whatever comes in any order, and stays within its bounds", () => {
  for (let seed = 1; seed <= 20; seed++) {
    let prng = seed;
    const pick = (below: number) => {
      const drawn = draw(prng);
      prng = drawn.prng;
      return Math.floor(drawn.value * below);
    };
    const queue = { ...queueStandard, waitingMax: 8, waitingPerAddressMax: 5, slowWaitingMax: 3 };
    const throttle = { ...throttleStandard, entriesMax: 20, userFailuresMax: 4 };
    const bench = new AuthBench({ queue, throttle, connectionsMax: 12, backlogBytesMax: 250 });
    let asked = 0;
    let hashed = 0;
    const hashes: ReturnType<typeof bench.take<"hash">> = [];
    for (let round = 0; round < 600; round++) {
      const connection = pick(round + 1) as ConnectionId;
      const username = ["ann", "bob", "off", `name${pick(100)}`][pick(4)] as string;
      [
        () => bench.open(`10.0.0.${pick(30)}`),
        () => bench.ask(connection, { type: "login", username, password: "" }),
        () => bench.ask(bench.open(`10.0.0.${pick(9)}`), wrong(username)),
        () => bench.ask(connection, { type: "login", ticket: "" }),
        () => bench.input({ type: "closed", at: bench.at, connection }),
        () => hashes.length > 0 && hashed++ >= 0 && bench.hashed(hashes.shift(), pick(9) === 0),
        () => bench.input({ type: "hashed", at: bench.at, request: 1e6, matches: true }),
        () => bench.sleep(pick(5000)),
      ][pick(8)]?.();
      const taken = bench.take("hash");
      asked += taken.length;
      hashes.push(...taken);
      const { state } = bench;
      assert.ok(hashes.length <= 2 && state.queue.running.length === hashes.length);
      assert.ok(state.queue.waiting.length <= 8 && state.connections.size <= 12);
      assert.ok(entriesOf(state.throttle) <= 6 * 20);
      assert.equal(state.ready, []);
    }
    while (hashes.length > 0 || bench.state.queue.waiting.length > 0) {
      if (hashes.length === 0) bench.sleep(second);
      else bench.hashed(hashes.shift(), hashed++ < 0);
      const taken = bench.take("hash");
      asked += taken.length;
      hashes.push(...taken);
    }
    assert.is(hashed, asked);
    assert.ok(asked > 20, `only ${asked} hashes with seed ${seed}`);
    bench.sleep(minute);
    assert.equal([bench.state.connections.size, bench.state.perGroup.size], [0, 0]);
    assert.is(bench.nextDeadline(), undefined);
  }
});

auth.run();
